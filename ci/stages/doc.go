// Package stages has the stages of the loop, one file a stage: a function that
// takes options, does one step of the loop and returns a result. What composes
// leaves into a stage stands here and nowhere else; the command, the Dagger module
// and the rehearsal call it.
//
// Options hold everything that a stage uses: no stage reads the environment. Bad
// input is an error of progress.Invalid, and nothing was touched; a guard that
// refuses is one of progress.Refused. A result that is not empty says what was
// done, also beside an error. Options and results have JSON tags; secrets and
// writers are left out.
package stages

import (
	"io"

	"gitops/ci/progress"
	"gitops/ci/secret"
)

// Output is where a stage tells people what it does. The zero value is silent.
type Output struct {
	// Progress is told what begins and ends.
	Progress *progress.Progress
	// Redactor takes secrets out of everything that leaves the stage, and learns those
	// that the stage finds; nil knows none.
	Redactor *secret.Redactor
	// Log gets the output of tools that print for people, such as Ansible.
	Log io.Writer
}
