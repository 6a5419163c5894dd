package ansible

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"gitops/ci/program"
	"gitops/ci/progress"
)

const (
	// requirementsFile names the collections of a playbook, in the playbook's folder.
	requirementsFile = "requirements.yml"
	// galaxyProgram is looked up in PATH. It comes with ansible-playbook.
	galaxyProgram = "ansible-galaxy"
	// collectionsVariable is Ansible's variable for the folders that it searches.
	collectionsVariable = "ANSIBLE_COLLECTIONS_PATH"
	// defaultCollections are the folders that Ansible searches by default.
	defaultCollections = "~/.ansible/collections:/usr/share/ansible/collections"
)

// ErrNoCollections is the cause when the collections of a playbook cannot be installed.
var ErrNoCollections = errors.New("a collection is not available")

// installation are the variables that ansible-galaxy gets: ANSIBLE_GALAXY_* name its
// servers and their tokens.
var installation = slices.Concat(program.Machine, program.Network, []string{
	"ANSIBLE_*", "SSH_AUTH_SOCK", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV",
})

// requirement is a collection that a playbook needs.
type requirement struct {
	Name    string
	Version string
}

// UnmarshalYAML reads both forms: the name alone, and a mapping.
func (r *requirement) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		return node.Decode(&r.Name)
	}
	type plain requirement
	return node.Decode((*plain)(r))
}

// requirements are the collections that a playbook needs.
type requirements struct {
	dir         string // the playbook's folder
	key         string // differs with the content of the file
	collections []requirement
}

// readRequirements reads the requirements of the playbook in dir. Without the file,
// and in the old form, which has roles alone, there are none.
func readRequirements(dir string) (requirements, error) {
	path := filepath.Join(dir, requirementsFile)
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return requirements{}, nil
	}
	if err != nil {
		return requirements{}, fmt.Errorf("reading the collections of the playbook: %w", err)
	}
	var document yaml.Node
	var file struct{ Collections []requirement }
	err = yaml.Unmarshal(content, &document)
	if err == nil && len(document.Content) > 0 && document.Content[0].Kind != yaml.SequenceNode {
		err = document.Decode(&file)
	}
	if err != nil {
		return requirements{}, progress.Invalid("reading %s: %w", path, err)
	}
	sum := sha256.Sum256(content)
	return requirements{dir: dir, key: hex.EncodeToString(sum[:8]), collections: file.Collections}, nil
}

// in reports whether the folders have all collections at exactly the versions that
// are required.
func (r requirements) in(folders []string) bool {
	return !slices.ContainsFunc(r.collections, func(wanted requirement) bool {
		return !slices.ContainsFunc(folders, func(folder string) bool {
			return wanted.Version != "" && installedVersion(folder, wanted.Name) == wanted.Version
		})
	})
}

// installedVersion returns the version of a collection in a folder; empty when it is
// not there.
func installedVersion(folder, name string) string {
	if below, home := strings.CutPrefix(folder, "~/"); home {
		folder = filepath.Join(os.Getenv("HOME"), below)
	}
	namespace, name, _ := strings.Cut(name, ".")
	content, err := os.ReadFile(filepath.Join(folder, "ansible_collections", namespace, name, "MANIFEST.json"))
	if err != nil {
		return ""
	}
	var manifest struct {
		Info struct{ Version string } `json:"collection_info"`
	}
	if json.Unmarshal(content, &manifest) != nil {
		return ""
	}
	return manifest.Info.Version
}

// install installs the collections into out, which it makes.
func (r requirements) install(ctx context.Context, out string, log io.Writer) error {
	out, err := filepath.Abs(out)
	if err == nil {
		err = os.MkdirAll(out, 0o755)
	}
	if err != nil || len(r.collections) == 0 {
		return err
	}
	run, err := program.Run(ctx, program.Command{
		// Force, because what another folder has may go away, and out stays.
		Name: galaxyProgram, Args: []string{"collection", "install", "--force", "--requirements-file", requirementsFile, "--collections-path", out},
		Dir: r.dir, Pass: installation, Log: log,
		Env: []string{collectionsVariable + "=" + out, "ANSIBLE_NOCOLOR=1", "ANSIBLE_FORCE_COLOR=0", "LC_ALL=C.UTF-8"},
	})
	var failed *program.Error
	if errors.As(err, &failed) {
		return fmt.Errorf("%w: %s; check that %s reaches its server (ANSIBLE_GALAXY_SERVER; by default https://galaxy.ansible.com), "+
			"which must have the required versions, or install them and name their folder in %s",
			ErrNoCollections, program.LastLines(run.Said, 5), galaxyProgram, collectionsVariable)
	}
	return err
}

// InstallCollections installs the collections that requirements.yml in the playbook's
// folder dir names into the folder out, for ANSIBLE_COLLECTIONS_PATH. It returns the
// version of each collection there by its name. Without the file it leaves out empty.
// The error is ErrNoCollections when one is not available. Log gets Ansible's words;
// nil drops them.
func InstallCollections(ctx context.Context, dir, out string, log io.Writer) (map[string]string, error) {
	if err := installed(); err != nil {
		return nil, err
	}
	required, err := readRequirements(dir)
	if err != nil {
		return nil, err
	}
	if err := required.install(ctx, out, log); err != nil {
		return nil, fmt.Errorf("installing the collections of %s: %w", filepath.Join(dir, requirementsFile), err)
	}
	return collectionsIn(out)
}

// collectionsIn returns the version of each collection in a folder by its name.
func collectionsIn(folder string) (map[string]string, error) {
	manifests, err := filepath.Glob(filepath.Join(folder, "ansible_collections", "*", "*", "MANIFEST.json"))
	if err != nil {
		return nil, fmt.Errorf("listing collections: %w", err)
	}
	found := map[string]string{}
	for _, path := range manifests {
		dir := filepath.Dir(path)
		name := filepath.Base(filepath.Dir(dir)) + "." + filepath.Base(dir)
		found[name] = installedVersion(folder, name)
	}
	return found, nil
}

// collections makes the collections of the playbook in dir available, and returns the
// variable with which Ansible finds them; none when it does without. They are
// installed once into the user's cache folder.
func collections(ctx context.Context, dir string, p *progress.Progress) ([]string, error) {
	required, err := readRequirements(dir)
	if err != nil {
		return nil, err
	}
	if len(required.collections) == 0 {
		return nil, nil
	}
	searched := cmp.Or(os.Getenv(collectionsVariable), defaultCollections)
	if required.in(filepath.SplitList(searched)) {
		return []string{collectionsVariable + "=" + searched}, nil
	}
	kept, err := required.keep(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("installing the collections of %s: %w", filepath.Join(dir, requirementsFile), err)
	}
	return []string{collectionsVariable + "=" + kept + string(os.PathListSeparator) + searched}, nil
}

// keep returns the folder of the user's cache with the collections, and installs them
// the first time.
func (r requirements) keep(ctx context.Context, p *progress.Progress) (folder string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", progress.Invalid("finding a folder for them: %w: set HOME, or install them and name their folder in %s", err, collectionsVariable)
	}
	folder = filepath.Join(cache, "gitops", "collections", r.key)
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	end := p.Start("installing the collections of " + requirementsFile)
	defer func() { end(err) }()
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return "", err
	}
	// A run that is killed leaves nothing that counts.
	partial, err := os.MkdirTemp(filepath.Dir(folder), r.key+"-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(partial)
	if err := r.install(ctx, partial, nil); err != nil {
		return "", err
	}
	err = os.Rename(partial, folder)
	if _, statErr := os.Stat(folder); statErr == nil {
		return folder, nil // another run may have been first
	}
	return folder, err
}
