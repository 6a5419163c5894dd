// Package compose reads a manifest as Docker Compose understands it, by compose-go:
// several documents, extends, merge keys, !reset and !override are resolved. The
// result decides which services start, which variables they need, which images are
// built and which files a release needs.
//
// Load reads a manifest with all its files and with the values of its variables, for
// a deploy. Read reads the text of one manifest alone, and no file that it includes
// or extends: for what only has that text, such as a bump or an old release. Variables
// are then replaced one by one, where their values matter.
package compose
