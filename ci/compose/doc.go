// Package compose reads a manifest as Docker Compose understands it, by compose-go:
// several documents, extends, merge keys, !reset and !override are resolved. The
// result decides which services start, which variables they need, which images are
// built and which files a release needs.
//
// Load reads a manifest with all its files and with the values of its variables, for a
// deploy and for all that has to agree with one. Builds and Bump read the text of one
// manifest alone, and no file that it includes or extends: a release edits that text.
package compose
