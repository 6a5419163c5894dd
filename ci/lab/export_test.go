package lab

import (
	"errors"
	"path/filepath"
	"syscall"
)

// NotAvailable reports whether err says that an image can neither be pulled nor built.
func NotAvailable(err error) bool {
	return errors.Is(err, errNoStandIn) || errors.Is(err, errNoProvider) || errors.Is(err, errNoTerraform)
}

// EngineIsOurs reports whether a lab started the engine that runs.
func EngineIsOurs() bool { return ours() }

// EngineInUse reports whether anybody holds an engine that a lab started.
func EngineInUse() bool {
	file, err := openLock(filepath.Join(stateDir, "users.lock"))
	if err != nil {
		return false
	}
	defer file.Close()
	return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil
}
