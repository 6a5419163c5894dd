package compose

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/sirupsen/logrus"

	"gitops/ci/progress"
	"gitops/ci/secret"
)

// EnvironmentFile reads a file of NAME=value lines as Docker Compose does: quotes,
// comments, values of several lines and variables in values. A NAME alone, and
// variables that the file does not set, are looked up in the environment of this
// process. Where Compose would take an empty text for a variable without a value,
// the file is refused. Errors are progress.Invalid, name file and line, and repeat
// nothing of what the file says.
func EnvironmentFile(path string) (map[string]secret.Value, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, progress.Invalid("reading the environment file: %w", err)
	}
	values, cause := parseEnvironment(text, os.LookupEnv)
	if cause != "" {
		return nil, progress.Invalid("%s:%d: %s", path, badLine(text, os.LookupEnv), cause)
	}
	secrets := map[string]secret.Value{}
	for name, value := range values {
		secrets[name] = secret.New(value)
	}
	return secrets, nil
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// parseEnvironment returns the variables of the text, or what is wrong with it.
// Variables that the text does not set are looked up in outer.
func parseEnvironment(text []byte, outer Lookup) (values map[string]string, cause string) {
	own, _, err := readEnvironment(text, func(string) (string, bool) { return "", false })
	if err == nil {
		var unset bool
		values, unset, err = readEnvironment(text, func(name string) (string, bool) {
			if _, ok := own[name]; ok {
				return "", false // the file's own value wins
			}
			return outer(name)
		})
		if err == nil && unset {
			return nil, "a value holds a variable that is not set here or above: give it a value, or write $$ for a dollar sign, or single quotes around the value"
		}
	}
	if err != nil {
		return nil, causeOf(err)
	}
	for name := range values {
		if !variableName.MatchString(name) {
			return nil, "the name of a variable is not made of letters, digits and _"
		}
	}
	return values, ""
}

// causeOf says what is wrong with the file. The parser's errors quote its lines.
func causeOf(err error) string {
	switch text := err.Error(); {
	case strings.Contains(text, "unterminated quoted value"):
		return "a quote is not closed"
	case strings.Contains(text, "unexpected character"), strings.Contains(text, "key cannot contain a space"):
		return "the name of a variable is not made of letters, digits and _: each line is NAME=value"
	case strings.Contains(text, "required variable"):
		return "a value holds a variable that must be set, and is not"
	}
	return "it is not of the form NAME=value"
}

// badLine returns the number of the first line with which the text cannot be read.
func badLine(text []byte, outer Lookup) int {
	return firstBadLine(text, func(text []byte) bool {
		_, cause := parseEnvironment(text, outer)
		return cause == ""
	})
}

// firstBadLine returns the number of the line behind the longest good beginning.
func firstBadLine(text []byte, isGood func([]byte) bool) int {
	lines := bytes.SplitAfter(text, []byte("\n"))
	for n := len(lines) - 1; n > 0; n-- {
		if isGood(bytes.Join(lines[:n], nil)) {
			return n + 1
		}
	}
	return 1
}

// logger guards the logger of compose-go, which is the whole process's.
var logger sync.Mutex

// readEnvironment parses the text and reports whether a variable had no value: the
// parser tells that only as a warning in its log, with a name that may be a part of
// a password.
func readEnvironment(text []byte, lookup dotenv.LookupFn) (values map[string]string, unset bool, err error) {
	logger.Lock()
	defer logger.Unlock()
	log := logrus.StandardLogger()
	var warned warnings
	out, hooks := log.Out, log.ReplaceHooks(logrus.LevelHooks{logrus.WarnLevel: {&warned}})
	log.SetOutput(io.Discard)
	defer func() {
		log.SetOutput(out)
		log.ReplaceHooks(hooks)
	}()
	values, err = dotenv.ParseWithLookup(bytes.NewReader(text), lookup)
	return values, warned.any, err
}

// warnings is a hook of a logger that notes whether there was one.
type warnings struct{ any bool }

// Levels implements logrus.Hook.
func (w *warnings) Levels() []logrus.Level { return []logrus.Level{logrus.WarnLevel} }

// Fire implements logrus.Hook.
func (w *warnings) Fire(*logrus.Entry) error {
	w.any = true
	return nil
}
