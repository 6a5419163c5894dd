// Package infra runs Terraform for the stages: it validates a configuration,
// plans it, applies exactly the plan that was made, reads the outputs and finds
// drift. "Has changes" and "has drifted" are values, not errors.
//
// Nothing is left in the checkout. Terraform's own data, plan files included,
// lie in a private temporary folder that goes with Workspace.Close, and the
// dependency lock file is only read. Secrets reach Terraform as TF_VAR_ and
// AWS_ variables of the environment, never as arguments.
//
// It does not install Terraform, make the state's bucket, or break locks.
package infra
