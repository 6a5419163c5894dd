// Package manifest rewrites the compose file that says what runs, and knows where
// in its text things stand. What they mean is the compose package's.
//
// Rewriting keeps every byte that was not asked for: an image is found through
// the positions that the YAML parser reports, replaced in the original text,
// and the result is parsed again to prove that nothing else changed. What the
// package cannot prove it refuses; it never formats a file anew.
//
// It does not fetch what a manifest includes or extends from other files, and
// it does not interpolate variables.
package manifest
