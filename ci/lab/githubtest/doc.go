// Package githubtest is a double of the GitHub API for rehearsals and tests: it
// is not GitHub. It keeps one repository in memory, whatever name it is asked
// for by, and answers the few calls that gitops makes with the status codes,
// bodies and headers that GitHub documents: users, issues, comments, pull
// requests, pagination, rate limits, validation errors.
//
// Test-only endpoints under /_lab/, which GitHub does not have, open and merge
// pull requests, write comments as somebody else, inject faults and show the
// state:
//
//	POST /_lab/pulls               {"number"?, "title", "head", "base", "head_sha"} opens or updates one
//	POST /_lab/pulls/N/merge       {"merge_commit_sha"}
//	POST /_lab/comments            {"number", "login", "type"?, "body"}
//	POST /_lab/faults              a Fault
//	GET  /_lab/state               pull requests, comments with edit counts, issues
//	GET  /_lab/requests            how often each call was made
//
// What it leaves out of a documented shape is left out because nothing here reads
// it. It checks no permissions beyond the token.
package githubtest
