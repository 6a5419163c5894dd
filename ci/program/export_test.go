package program

import "testing"

// LimitStdout changes how many bytes of standard output are taken in a test.
func LimitStdout(t *testing.T, limit int) {
	before := stdoutLimit
	stdoutLimit = limit
	t.Cleanup(func() { stdoutLimit = before })
}
