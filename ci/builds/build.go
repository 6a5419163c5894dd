package builds

import "fmt"

// Build is a service that is built, with its settings as they are to be used.
type Build struct {
	Service string
	// Image is the ref that runs now.
	Image string
	// Context is the folder that is built, relative to the repository's root.
	Context    string
	Dockerfile string // relative to Context; empty means Dockerfile
	Target     string // the Dockerfile's stage; empty means the last one
	Platforms  []string
	// Args are all the build arguments.
	Args map[string]string
	// Line and Column say where the build section stands, both from 1; 0 when
	// there is none.
	Line, Column int
}

// String names the build for progress and errors.
func (b Build) String() string { return fmt.Sprintf("%s from %s", b.Service, b.Context) }
