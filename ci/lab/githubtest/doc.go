// Package githubtest is a double of a GitHub Enterprise Server for rehearsals and
// tests: it is not GitHub. It keeps one repository's issues and pull requests in
// memory, whatever name it is asked for by, and answers the few calls that gitops
// makes with the status codes, bodies and headers that GitHub documents: users,
// issues, comments, pull requests, pagination, rate limits, validation errors. With
// Options.Git it serves git repositories beside the API, at /owner/name.git; its API
// answers at /api/v3/ and, as api.github.com does, at /.
//
// Tokens made at /_lab/tokens may do what their permissions say, in git as in the
// API, and get GitHub's refusals otherwise. Options.Token may do everything.
//
// Test-only endpoints under /_lab/, which GitHub does not have, open and merge
// pull requests, write comments as somebody else, inject faults and show the
// state:
//
//	POST /_lab/pulls               {"number"?, "title", "head", "base", "head_sha"} opens or updates one
//	POST /_lab/pulls/N/merge       {"merge_commit_sha"}
//	POST /_lab/comments            {"number", "login", "type"?, "body"}
//	POST /_lab/faults              a Fault
//	POST /_lab/tokens              {"permissions": {"pull-requests": "write"}} makes a job's token; needs Options.Token
//	PUT  /_lab/repos/NAME          makes a git repository; needs the developers' login
//	GET  /_lab/state               pull requests, comments with edit counts, issues
//	GET  /_lab/requests            how often each call was made
//
// What it leaves out of a documented shape is left out because nothing here reads
// it.
package githubtest
