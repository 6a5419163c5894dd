package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gitops/ci/progress"
)

// Exit codes of the readiness scripts.
const (
	exitNotYet = 75 // EX_TEMPFAIL: ask again
	exitNever  = 69 // EX_UNAVAILABLE: waiting does not help
)

// check is one thing that has to be ready: a script that exits 0 when it is.
type check struct {
	name   string
	script string
	args   []string
}

// packageLocks are the files that apt and dpkg lock while they work.
var packageLocks = []string{
	"/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock",
}

// cloudInitScript passes on the exit code of cloud-init: 1 is a failure, 2 means
// done with warnings. Its dots of waiting are left out.
const cloudInitScript = `
command -v cloud-init >/dev/null 2>&1 || exit 0
code=0
cloud-init status --wait >/dev/null 2>&1 || code=$?
case $code in
0 | 2) exit 0 ;;
esac
cloud-init status --long >&2 || true
exit 69
`

// packagesScript looks for a holder of one of the files $1 … . It reads /proc/locks, because apt and dpkg take POSIX record
// locks, which flock(1) does not see, and because a user who is not root sees no
// holder through fuser.
const packagesScript = `
for file; do
	[ -e "$file" ] || continue
	inode=$(stat -c %i "$file" 2>/dev/null) || continue
	holder=
	if [ -r /proc/locks ]; then
		while read -r _ kind _ access pid where _; do
			if [ "$kind $access ${where##*:}" = "POSIX WRITE $inode" ]; then holder=$pid; fi
		done </proc/locks
	elif command -v fuser >/dev/null 2>&1; then
		holder=$(fuser "$file" 2>/dev/null || true)
	fi
	[ -n "$holder" ] || continue
	echo "$file is held by $(cat "/proc/${holder##* }/comm" 2>/dev/null || echo a process) (pid $holder)" >&2
	exit 75
done
`

// dockerScript tries with sudo too: the login user joins the docker group with
// its next login only.
const dockerScript = `
if ! command -v docker >/dev/null 2>&1; then echo "docker is not installed; configure the host first" >&2; exit 69; fi
said=$(docker version --format '{{.Server.Version}}' 2>&1) && exit 0
case $said in
*"permission denied"*) said=$(sudo -n docker version --format '{{.Server.Version}}' 2>&1) && exit 0 ;;
esac
echo "$said" >&2
exit 75
`

func (n Needs) checks() []check {
	var checks []check
	if n.CloudInit {
		checks = append(checks, check{name: "cloud-init to end", script: cloudInitScript})
	}
	if n.Packages {
		checks = append(checks, check{name: "package locks to be free", script: packagesScript, args: packageLocks})
	}
	if n.Docker {
		checks = append(checks, check{name: "Docker to answer", script: dockerScript})
	}
	return checks
}

func (w *waiter) ready(ctx context.Context, client *Client, n Needs) error {
	for _, check := range n.checks() {
		if err := w.until(ctx, client, check); err != nil {
			return fmt.Errorf("waiting for %s: %w", check.name, err)
		}
	}
	return nil
}

// until runs check until it passes, fails for good, or ctx ends.
func (w *waiter) until(ctx context.Context, client *Client, check check) error {
	begun, last := time.Now(), ""
	for {
		_, err := client.Script(ctx, check.script, check.args...)
		var exit *ExitError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &exit) && exit.Exit == exitNotYet:
			last = strings.TrimSpace(exit.Stderr)
			w.say("waiting for %s: %s", check.name, last)
		case errors.As(err, &exit) && exit.Exit == exitNever:
			return errors.New(strings.TrimSpace(exit.Stderr))
		case ctx.Err() == nil:
			return err
		}
		if !pause(ctx) {
			return notReady(ctx, begun, last)
		}
	}
}

func notReady(ctx context.Context, begun time.Time, last string) error {
	err := fmt.Errorf("given up after %s: %w", progress.Seconds(time.Since(begun)), context.Cause(ctx))
	if last != "" {
		err = fmt.Errorf("%s; %w", last, err)
	}
	return err
}
