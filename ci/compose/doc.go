// Package compose reads a manifest as Docker Compose understands it, by compose-go:
// several documents, extends, merge keys, !reset and !override are resolved. What
// starts, which variables are needed and what is built is decided on the result.
//
// Only the manifest itself is read: what it includes or extends from other files is
// not. Variables are replaced one by one, where their values matter.
package compose
