package deploy

import (
	"embed"
	"errors"
)

// files are the scripts that run on the host. Each does one thing and holds the
// deploy's lock while it changes something.
//
//go:embed scripts/*.sh
var files embed.FS

// Exit codes of the scripts.
const (
	exitRejected  = 65 // Compose does not accept the manifest
	exitNotReady  = 69 // the host lacks something
	exitTemporary = 75 // trying again may help
	exitLockLost  = 76 // another run took the lock over
	exitNoSwarm   = 78 // a swarm, or a network of one, is not there
	exitTimeout   = 124
)

// scriptText returns the named script of this package.
func scriptText(name string) string {
	text, err := files.ReadFile("scripts/" + name + ".sh")
	if err != nil {
		return "echo 'no script " + name + "' >&2; exit 70"
	}
	return string(text)
}

// scriptError is a script that failed. It shows what the host said, without
// secrets and without the script's own name, and keeps the cause for callers.
type scriptError struct {
	text  string
	exit  int
	cause error
}

func (e *scriptError) Error() string { return e.text }
func (e *scriptError) Unwrap() error { return e.cause }

// exitOf returns the exit code of the script in err, or 0.
func exitOf(err error) int {
	var script *scriptError
	if errors.As(err, &script) {
		return script.exit
	}
	return 0
}
