package compose

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"gitops/ci/progress"
)

func environmentFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.env")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEnvironmentFile(t *testing.T) {
	t.Setenv("FROM_HERE", "here")
	t.Setenv("USER_NAME", "not this one")
	path := environmentFile(t, strings.Join([]string{
		"\ufeff# a comment", "",
		`PASSWORD="s3 cret"`, `SINGLE='a $b "c"'`, "PLAIN=plain # of no account", "HASH=a#b", "BLANKS=tail   ", "EMPTY=", "export EXPORTED=yes",
		"USER_NAME=robot\r", "URL=postgres://${USER_NAME}:$PASSWORD@db/${NOT_THERE:-x}", `DOLLAR="a$$b\$c"`,
		"KEY=\"-----BEGIN KEY-----", "MIIEvQIBADAN==", `-----END KEY-----"`, `ESCAPED="a\nb"`, "FROM_HERE", "NOT_HERE", "COPY=${FROM_HERE}", "YAML: style",
	}, "\n"))
	want := map[string]string{
		"PASSWORD": "s3 cret", "SINGLE": `a $b "c"`, "PLAIN": "plain", "HASH": "a#b", "BLANKS": "tail", "EMPTY": "", "EXPORTED": "yes",
		"USER_NAME": "robot", "URL": "postgres://robot:s3 cret@db/x", "DOLLAR": "a$b$c",
		"KEY": "-----BEGIN KEY-----\nMIIEvQIBADAN==\n-----END KEY-----", "ESCAPED": "a\nb", "FROM_HERE": "here", "COPY": "here", "YAML": "style",
	}
	values, err := EnvironmentFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for name, value := range values {
		got[name] = value.Reveal()
	}
	if !maps.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestEnvironmentFileRepeatsNothing(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"open quote":         {"A=1\nB=\"2\n\nlines\"\nPASSWORD=\"hunter2\nhunter3\n", ":5: a quote is not closed"},
		"open single quote":  {"PASSWORD='hunter2\nhunter3\n", ":1: a quote is not closed"},
		"name with a space":  {"A=1\nhunter2 hunter3=x\n", ":2: the name of a variable"},
		"name with a sign":   {"A=1\n\n# x\nhunter2+hunter3/=\nB=2\n", ":4: the name of a variable"},
		"name with a dot":    {"hunter2.hunter3=x\n", ":1: the name of a variable"},
		"unset variable":     {"A=1\nPASSWORD=x$hunter2\nB=2\n", ":2: a value holds a variable that is not set"},
		"unset, in quotes":   {"A=1\nC=\"1\n2\"\nPASSWORD=\"x${hunter2}\"\n", ":4: a value holds a variable that is not set"},
		"set further down":   {"URL=${hunter2}\nhunter2=x\n", ":1: a value holds a variable that is not set"},
		"variable to be set": {"PASSWORD=${hunter2:?hunter3}\n", ":1: a value holds a variable that must be set"},
		"broken variable":    {"A=1\nPASSWORD=${hunter2\n", ":2: it is not of the form"},
	} {
		t.Run(name, func(t *testing.T) {
			path := environmentFile(t, c.text)
			_, err := EnvironmentFile(path)
			if progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), path+c.says) || strings.Contains(err.Error(), "hunter") {
				t.Errorf("got %v, want %s", err, c.says)
			}
		})
	}
	if _, err := EnvironmentFile(filepath.Join(t.TempDir(), "none")); progress.ExitCode(err) != progress.ExitInvalid {
		t.Errorf("no file: %v", err)
	}
}

// Nothing of a file is written to the log either, where compose-go warns of variables
// that are not set.
func TestEnvironmentFileIsSilent(t *testing.T) {
	before := logrus.StandardLogger().Out
	defer logrus.SetOutput(before)
	var log bytes.Buffer
	logrus.SetOutput(&log)
	if _, err := EnvironmentFile(environmentFile(t, "PASSWORD=x$hunter2\n")); err == nil || log.Len() > 0 {
		t.Errorf("error %v, logged %s", err, log.String())
	}
	if logrus.Warn("as before"); log.Len() == 0 {
		t.Error("the log of the process stays silent")
	}
}
