package host

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"

	"gitops/ci/progress"
)

// uploadScript writes standard input to $1 with mode $2 if its SHA-256 is $3.
// The file is opened before its mode is set, so that a read-only mode works, and
// is in place only once it is whole.
const uploadScript = `
path=$1 mode=$2 sum=$3
if [ -d "$path" ]; then echo "it is a directory" >&2; exit 73; fi
dir=$(dirname -- "$path")
mkdir -p -- "$dir"
umask 077
temp=$(mktemp "$dir/.upload.XXXXXXXX")
trap 'rm -f -- "$temp"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
exec 3>"$temp"
chmod "$mode" "$temp"
cat >&3
exec 3>&-
got=$(sha256sum <"$temp")
if [ "${got%% *}" != "$sum" ]; then echo "it did not arrive whole" >&2; exit 74; fi
mv -f -- "$temp" "$path"
`

// Upload puts content at path with the permissions of mode, making parent
// folders as needed. The file is checked by its hash and replaces an older one
// in one step; until then nobody sees a part of it, nor a wider mode.
func (c *Client) Upload(ctx context.Context, path string, mode fs.FileMode, content []byte) error {
	if path == "" {
		return progress.Invalid("no path on the host to upload to")
	}
	sum := sha256.Sum256(content)
	text, err := line("sh", "-euc", uploadScript, "upload", path, fmt.Sprintf("%04o", mode.Perm()), hex.EncodeToString(sum[:]))
	if err != nil {
		return err
	}
	_, err = c.run(ctx, text, "upload", Command{Stdin: bytes.NewReader(content)})
	var exit *ExitError
	if errors.As(err, &exit) {
		exit.Command = "upload of " + path
	}
	if err != nil {
		return fmt.Errorf("uploading %s: %w", path, err)
	}
	return nil
}
