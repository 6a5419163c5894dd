// Package review turns a Terraform plan and its cost into the one comment that
// a pull request gets: parse, then summarise, then render. It also names
// exactly what a plan would do with a fingerprint. Everything here is pure: no
// files, no network, no clock.
package review
