package attest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gitops/ci/progress"
	"gitops/ci/secret"
)

// leaveOut is what else can be done where a program is missing.
const leaveOut = ", or leave attestations out with --no-attestations"

// lookUp finds a program, or says how to come by it and what to do otherwise.
func lookUp(program, image, otherwise string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return "", progress.Invalid("the program %s is not installed: install it (the image %s has it) or call the stage through Dagger, which brings it%s", program, image, otherwise)
	}
	return filepath.Abs(path)
}

// execution is how a program is run.
type execution struct {
	program  string
	dir      string
	env      []string
	redactor *secret.Redactor
}

// do runs the program and returns what it wrote. An error has its last words and,
// where it ended by itself, is an *exec.ExitError too.
func (e execution) do(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, e.program, args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = e.dir, e.env, 2*time.Second
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, fmt.Errorf("%s: %w", e.redactor.Redact(lastWords(said.String(), exit)), exit)
	}
	return out.Bytes(), err
}

func lastWords(said string, exit *exec.ExitError) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	if _, words, found := strings.Cut(last, "error during command execution: "); found { // cosign's
		last = words
	}
	if last == "" {
		last = "it said nothing"
	}
	return last
}

// inherited are the variables that cosign gets from here: how to reach the
// network, whom to trust, and no login.
var inherited = []string{
	"PATH", "HOME", "TMPDIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "TUF_ROOT", "TUF_MIRROR", "TUF_ROOT_JSON", "SIGSTORE_ROOT_FILE",
	"SIGSTORE_REKOR_PUBLIC_KEY", "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE",
}

func inherit(names ...string) []string {
	var env []string
	for _, name := range slices.Concat(inherited, names) {
		if value, set := os.LookupEnv(name); set {
			env = append(env, name+"="+value)
		}
	}
	return env
}
