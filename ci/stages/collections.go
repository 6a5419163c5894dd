package stages

import (
	"context"
	"os"

	"gitops/ci/ansible"
	"gitops/ci/progress"
)

// CollectionsOptions say which playbook's collections are installed, and where.
type CollectionsOptions struct {
	// Dir is the folder of the playbook; its requirements.yml names the collections.
	Dir string `json:"dir"`
	// Out is the folder to install them into, for ANSIBLE_COLLECTIONS_PATH.
	Out    string `json:"out"`
	Output Output `json:"-"`
}

// CollectionsResult is what the folder has.
type CollectionsResult struct {
	// Collections has the version of each collection by its name.
	Collections map[string]string `json:"collections"`
}

// Collections installs what configure and validate would otherwise install by
// themselves, so that it can be kept. It depends on requirements.yml alone.
func Collections(ctx context.Context, o CollectionsOptions) (r CollectionsResult, err error) {
	if o.Out == "" {
		return r, progress.Invalid("--out is missing: name the folder to install the collections into")
	}
	if _, err := os.Stat(o.Dir); err != nil {
		return r, progress.Invalid("finding the folder of the playbook: %w", err)
	}
	end := o.Output.Progress.Start("installing the collections of the playbook")
	defer func() { end(err) }()
	r.Collections, err = ansible.InstallCollections(ctx, o.Dir, o.Out, o.Output.Log)
	return r, err
}
