package infra

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"syscall"

	"gitops/ci/progress"
)

// Error is a command of Terraform that failed.
type Error struct {
	Doing string // what was attempted, such as "planning"
	Words string // Terraform's own errors, without known secrets
	Err   error  // how the process ended
}

// Error implements error.
func (e *Error) Error() string {
	if e.Words == "" {
		return fmt.Sprintf("%s: %v", e.Doing, e.Err)
	}
	return fmt.Sprintf("%s: terraform failed:\n%s", e.Doing, e.Words)
}

// Unwrap returns how the process ended.
func (e *Error) Unwrap() error { return e.Err }

// explain returns the error for a failed command, from what Terraform wrote.
func explain(doing, dir, words string, err error) error {
	if lock, ok := parseLock(words); ok {
		return &LockedError{Lock: lock, dir: dir}
	}
	words = lastWords(withoutValues(words))
	if strings.Contains(words, "Saved plan is stale") {
		return progress.Refused("%s: the state has changed since this plan was made, so nothing was applied: plan again, review it, apply that", doing)
	}
	return &Error{Doing: doing, Words: words + remedy(words), Err: exit(err)}
}

var (
	excerptHead = regexp.MustCompile(`^\W*on (.+?) line \d+`)
	excerptLine = regexp.MustCompile(`^(\W*\d+: ).*$`)
)

// withoutValues takes out the lines that Terraform quotes of variable files and of the
// backend's settings: their values may be secrets. Lines of the configuration stay.
func withoutValues(words string) string {
	lines, hides := strings.Split(words, "\n"), false
	for i, line := range lines {
		if head := excerptHead.FindStringSubmatch(line); head != nil {
			file := strings.Trim(head[1], `"`)
			hides = !strings.HasSuffix(file, ".tf") && !strings.HasSuffix(file, ".tf.json")
			continue
		}
		if found := excerptLine.FindStringSubmatch(line); found != nil && hides {
			lines[i] = found[1] + "(not shown: it may have secrets)"
		}
	}
	return strings.Join(lines, "\n")
}

// interrupted reports whether err is the end of a context.
func interrupted(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// ending says how an interrupted Terraform ended.
func ending(err error) string {
	var ended *exec.ExitError
	if !errors.As(err, &ended) {
		return "terraform had not begun"
	}
	if status, ok := ended.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGKILL {
		return "terraform did not stop within " + stopTime.String() + " and was killed, so the state may still be locked"
	}
	return "terraform stopped in order and holds no lock; the next run goes on from what it left"
}

// exit returns the process's own end, for tfexec adds the whole of stderr.
func exit(err error) error {
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return ended
	}
	return err
}

// remedies has what to do about errors whose text does not say it.
var remedies = []struct{ sign, remedy string }{
	{"doesn't match any of the checksums", "The lock file has no checksum for this machine's platform: run terraform providers lock -platform=linux_amd64 -platform=linux_arm64 -platform=darwin_arm64 and commit .terraform.lock.hcl."},
	{"could not connect to registry.terraform.io", "The provider registry cannot be reached: check the network, or name a provider mirror in TF_CLI_CONFIG_FILE."},
	{"No valid credential sources found", "AWS credentials are missing: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE."},
	{"NoSuchBucket", "The state's bucket must exist before the first init: make it, with versioning on."},
}

func remedy(words string) string {
	flat := strings.Join(strings.Fields(words), " ")
	for _, known := range remedies {
		if strings.Contains(flat, known.sign) {
			return "\n\n" + known.remedy
		}
	}
	return ""
}

// maxWords is how many bytes of Terraform's errors an error repeats.
const maxWords = 8 << 10

var (
	box       = regexp.MustCompile(`(?m)^[╷│╵] ?`)
	firstFail = regexp.MustCompile(`(?m)^Error: `)
	validated = regexp.MustCompile(`(?m)^(Error: Invalid value for variable(?:\n.*)*?\n)[ ]+├─+(?:\n[ ]+│.*)+`)
	blank     = regexp.MustCompile(`\n{3,}`)
)

// lastWords returns Terraform's errors from what it wrote: without warnings
// before them, frames and runs of empty lines. The first error is kept when
// there are too many.
func lastWords(output string) string {
	text := box.ReplaceAllString(strings.ReplaceAll(output, "\r\n", "\n"), "")
	if at := firstFail.FindStringIndex(text); at != nil {
		text = text[at[0]:]
	}
	// A failing validation prints the variable's value, sensitive or not.
	text = validated.ReplaceAllString(text, "$1")
	text = strings.TrimSpace(blank.ReplaceAllString(text, "\n\n"))
	if over := len(text) - maxWords; over > 0 {
		text = strings.ToValidUTF8(text[:maxWords], "") + fmt.Sprintf("\n… and %d bytes more", over)
	}
	return text
}
