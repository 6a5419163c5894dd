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

// known are the actions that there are stand-ins for. The folder of each has the name
// of its repository.
var known = []string{
	"actions/checkout", "actions/upload-artifact", "actions/download-artifact",
	"aws-actions/configure-aws-credentials", "dagger/dagger-for-github",
}
