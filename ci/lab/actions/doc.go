// Package actions is a stand-in for the part of GitHub Actions that starts
// workflows and gives them what they may have; act (github.com/nektos/act) runs
// their steps, on this machine.
//
// Happen takes what happened in the repository and does what GitHub would: it reads
// the workflow files of the commit that GitHub reads them of, decides which start
// (events, types, branches, paths, [skip ci]), runs their jobs and follows the
// workflow_run events. A job gets the secrets and variables of the repository and of
// its environment, and a token with its permissions; a job whose environment does not
// admit the branch gets nothing and fails. Each job is one run of act, because act
// knows neither environments nor permissions.
//
// The actions that steps use are stand-ins too, in the folder standin. Each says in
// its description what it leaves out.
//
// What differs from GitHub:
//   - Happen runs one thing after the other, so no run ever waits for its concurrency
//     group or is cancelled. Expressions in concurrency are only checked.
//   - A job whose needs did not succeed is skipped, whatever its if says; outputs of
//     needed jobs do not reach it.
//   - Reusable workflows, job containers, service containers, expressions in
//     environment, pushes of tags, reviewers and wait timers of environments do not
//     work; where a workflow asks for one of the first three, Happen returns an error.
//   - Steps run as the user of this process, and nothing but that user's rights keeps
//     them off the machine: a rehearsed attack shows what GitHub would give it, not
//     what it finds on the machine.
//   - Nothing signs the ID token: its claims are for the AWS stand-in, which believes
//     everybody.
package actions
