// Package rehearsal runs the whole loop, end to end, against stand-ins: what a
// team would do by hand with two repositories' worth of branches, a cloud and a
// server, in the order in which it happens. The order is written once, here; how
// a stage is run (a plain Docker engine, Dagger) is a Runner.
package rehearsal

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"gitops/ci/lab/authority"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// Call asks for one stage, because of something that happened in the repository.
type Call struct {
	Stage       string // the name of a gitops subcommand
	Branch      string // where Commit was pushed to; empty for what no push starts
	Before      string // the tip that Branch had before
	Commit      string // full SHA of the commit to check out
	PullRequest int    // review only
	Release     string // rollback only: a release or its commit; the one before when empty
	Outputs     []byte // what Terraform put out: deploy, rollback, drift
	Manifest    []byte // what deployment says shall run: drift
}

// Runner runs stages.
type Runner interface {
	// Run runs one stage and returns its JSON result, also beside an error when
	// the stage had one. A stage that ran and failed is a *StageError.
	Run(ctx context.Context, call Call) ([]byte, error)
}

// StageError says that a stage ran and did not exit with 0.
type StageError struct {
	Stage string
	Exit  int    // exit code of gitops; -1 when the way of running hides it
	Said  string // the last words on stderr
}

// Error implements error.
func (e *StageError) Error() string {
	said := e.Said
	if at := strings.LastIndex(said, "gitops: "); at >= 0 {
		said = said[at+len("gitops: "):]
	}
	return fmt.Sprintf("stage %s: exit %d: %s", e.Stage, e.Exit, strings.TrimSpace(said))
}

// World is where the driver of the rehearsal, which plays the developers, the
// reviewers and the visitors, reaches the stand-ins.
type World struct {
	GitURL      string // repository over HTTPS, without credentials
	GitUser     string
	GitPassword secret.Value
	GitHubURL   string // API root of the GitHub double
	AWSURL      string // endpoint of the AWS stand-in
	Registry    string // registry and owner that images go to, such as registry.local:5000/team
	RegistryURL string // host and port of that registry
	// RegistryPassword is that of the login GitUser at the registry.
	RegistryPassword secret.Value
	// Authority signed the certificates of git and GitHub; AuthorityFile has it as PEM.
	Authority     *authority.Authority
	AuthorityFile string
	// Source is the repository that is rehearsed.
	Source string
	// Dial connects to the host by the address that the AWS stand-in handed out, also
	// from outside of the stand-ins' network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// SSHUser, SSHKey log in to the host, to make the drift that must be found.
	SSHUser string
	SSHKey  secret.Value
	// Credentials are those of the stand-ins; the repository has their public halves.
	Credentials Credentials
	// Environment is NAME=value of the variables that every stage gets: where the
	// stand-ins are. No value has a comma.
	Environment []string
	// Superuser is the first account of the application.
	Superuser         string
	SuperuserPassword secret.Value
	// NotRun names what the stand-ins cannot offer here, each with its reason.
	NotRun []string
	// Instead names what runs in place of images that could not be pulled.
	Instead []string
}

// Step is one finished part of the rehearsal.
type Step struct {
	Name    string        `json:"name"`
	Took    time.Duration `json:"took_ns"`
	Begun   time.Duration `json:"begun_ns"` // since the start
	Detail  string        `json:"detail,omitempty"`
	Failure string        `json:"failure,omitempty"`
}

// Report is what a rehearsal leaves.
type Report struct {
	Steps   []Step        `json:"steps"`
	Took    time.Duration `json:"took_ns"` // from the first step to the last, the lab's own start left out
	Passed  bool          `json:"passed"`
	Review  string        `json:"review,omitempty"`  // the review comment, markdown
	Receipt string        `json:"receipt,omitempty"` // the last deploy's receipt, JSON
	NotRun  []string      `json:"not_run,omitempty"`
	Instead []string      `json:"instead,omitempty"` // what ran in place of images that could not be pulled
	With    string        `json:"with"`              // what ran the stages
}

// Summary returns the last line of a rehearsal.
func (r *Report) Summary() string {
	if r.Passed {
		return fmt.Sprintf("rehearsal passed: %d stages, %.0f s", len(r.Steps), r.Took.Seconds())
	}
	last := Step{Name: "start", Failure: "nothing ran"}
	if len(r.Steps) > 0 {
		last = r.Steps[len(r.Steps)-1]
	}
	reason, _, _ := strings.Cut(last.Failure, "\n")
	return fmt.Sprintf("rehearsal failed: %s: %s", last.Name, reason)
}

// Run goes through the loop and stops at the first step that fails. The report
// is there in either case.
func Run(ctx context.Context, runner Runner, world World, p *progress.Progress) (*Report, error) {
	l := &loop{run: runner, world: world, progress: p}
	defer l.close()
	report := &Report{NotRun: world.NotRun, Instead: world.Instead}
	begun := time.Now()
	for _, s := range l.steps() {
		at := time.Now()
		end := p.Start(s.name)
		detail, err := s.do(ctx)
		end(err)
		step := Step{Name: s.name, Took: time.Since(at), Begun: at.Sub(begun), Detail: detail}
		if err != nil {
			step.Failure = err.Error()
		}
		report.Steps = append(report.Steps, step)
		report.Took = time.Since(begun)
		if err != nil {
			l.fill(report)
			return report, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	report.Passed = true
	l.fill(report)
	return report, nil
}
