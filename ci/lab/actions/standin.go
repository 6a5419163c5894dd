package actions

import (
	"embed"
	"io/fs"
)

//go:embed standin
var embedded embed.FS

// standIns has a folder with an action.yml for each action that the lab knows.
var standIns = func() fs.FS {
	folder, _ := fs.Sub(embedded, "standin") // fails for a path that is no path
	return folder
}()

// folders are those of standIns by the name of the action that each replaces.
var folders = map[string]string{
	"actions/checkout":                      "checkout",
	"actions/upload-artifact":               "upload-artifact",
	"actions/download-artifact":             "download-artifact",
	"aws-actions/configure-aws-credentials": "configure-aws-credentials",
	"dagger/dagger-for-github":              "dagger-for-github",
}
