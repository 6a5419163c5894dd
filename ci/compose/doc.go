// Package compose reads a manifest as Docker Compose understands it, by compose-go:
// several documents, extends, merge keys, !reset and !override are resolved. The
// result decides which services start, which variables they need and which images
// are built.
//
// Only the manifest itself is read, and no file that it includes or extends. Variables
// are replaced one by one, where their values matter.
package compose
