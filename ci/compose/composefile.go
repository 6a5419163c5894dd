package compose

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"gitops/ci/manifest"
	"gitops/ci/progress"
)

// composeFile is one of the compose files that make a manifest. compose-go does not tell
// which files it reads, so they are looked up here as it does.
type composeFile struct {
	name        string // path relative to the root, with slashes
	base        string // folder that its paths are relative to, relative to the root
	text        []byte
	document    *manifest.Document
	scalars     []manifest.Scalar
	model       map[string]any // what is in this file alone, as written
	environment types.Mapping
}

// named is a path, and where a manifest names it.
type named struct {
	path  string // relative to the root, with slashes and clean
	text  string // as the manifest has it, for errors: a variable has no value there
	where string
}

// readManifests reads the manifests and all that they include and extend.
func (r *reading) readManifests(ctx context.Context) error {
	for _, name := range r.Manifests {
		name = path.Clean(name)
		if isAbove(name) || path.IsAbs(name) {
			return progress.Invalid("manifest %s is outside the repository: give its path below it", name)
		}
		p, err := r.readFile(ctx, named{path: name, text: name, where: name}, r.folder, r.environment)
		if err != nil {
			return err
		}
		if err := r.follow(ctx, p, []string{name}); err != nil {
			return err
		}
	}
	for _, p := range r.composed {
		if len(p.document.Keys("services")) > 0 {
			return nil
		}
	}
	return progress.Invalid("%s: it has no services: is it a compose file?", r.Manifests[0])
}

// readFile reads one compose file.
func (r *reading) readFile(ctx context.Context, n named, base string, environment types.Mapping) (*composeFile, error) {
	for _, known := range r.composed {
		if known.name == n.path && known.base == base {
			return known, nil
		}
	}
	text, err := r.readText(n)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, r.missingFile(n, UseRead)
	} else if err != nil {
		return nil, err
	}
	p := &composeFile{name: n.path, base: base, text: text, environment: environment}
	if err := p.parse(ctx); err != nil {
		return nil, err
	}
	r.composed = append(r.composed, p)
	f := File{Path: n.path, Use: UseRead}
	if n.where != n.path {
		f.Where = n.where
	}
	r.add(f, "")
	return p, nil
}

// parse reads the text, alone and as it is written.
func (p *composeFile) parse(ctx context.Context) (err error) {
	if p.document, err = manifest.Parse(p.text, p.name); err != nil {
		return err
	}
	details := types.ConfigDetails{WorkingDir: "/", ConfigFiles: []types.ConfigFile{{Filename: p.name, Content: p.text}}}
	p.model, err = readModel(ctx, details, asWritten, func(o *loader.Options) {
		o.SetProjectName("project", true)
		o.SkipExtends, o.SkipInclude = true, true
	})
	if err != nil {
		return (&Project{file: p.name, document: p.document}).invalid(err)
	}
	p.scalars = p.document.Scalars()
	return nil
}

// follow reads what a compose file includes and extends. On the way are the files
// that lead here.
func (r *reading) follow(ctx context.Context, p *composeFile, way []string) error {
	services, _ := p.model["services"].(map[string]any)
	for _, name := range sortedKeys(services) {
		if err := r.followExtends(ctx, p, name, nil); err != nil {
			return err
		}
	}
	var includes []any
	switch value := p.model["include"].(type) {
	case nil:
	case []any:
		includes = value
	default:
		return progress.Invalid("%s: include is not a list", p.document.Where("include"))
	}
	for _, value := range includes {
		if err := r.followInclude(ctx, p, value, way); err != nil {
			return err
		}
	}
	return nil
}

// followExtends reads the file of the service that a service extends, if any.
func (r *reading) followExtends(ctx context.Context, p *composeFile, name string, seen []string) error {
	id := p.name + "\n" + name
	if slices.Contains(seen, id) {
		return nil // compose-go says what is wrong
	}
	seen = append(seen, id)
	services, _ := p.model["services"].(map[string]any)
	definition, _ := services[name].(map[string]any)
	extends, _ := definition["extends"].(map[string]any)
	base, _ := extends["service"].(string)
	file, _ := extends["file"].(string)
	if base == "" {
		return nil
	}
	if file == "" {
		return r.followExtends(ctx, p, base, seen)
	}
	n, err := r.find(p, file, "extends")
	if err != nil {
		return err
	}
	next, err := r.readFile(ctx, n, path.Dir(n.path), p.environment)
	if err != nil {
		return err
	}
	return r.followExtends(ctx, next, base, seen)
}

// followInclude reads one entry of include, and what it includes.
func (r *reading) followInclude(ctx context.Context, p *composeFile, value any, way []string) error {
	settings, ok := value.(map[string]any)
	if !ok {
		settings = map[string]any{"path": value}
	}
	files, err := r.findAll(p, settings["path"])
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return progress.Invalid("%s: an entry of include has no path", p.document.Where("include"))
	}
	folder := path.Dir(files[0].path)
	if text, _ := settings["project_directory"].(string); text != "" {
		n, err := r.find(p, text, "include")
		if err != nil {
			return err
		}
		folder = n.path
	}
	environment, err := r.includedEnvironment(p, settings["env_file"], folder, way)
	if err != nil {
		return err
	}
	for _, n := range files {
		if err := r.include(ctx, n, folder, environment, way); err != nil {
			return err
		}
	}
	return nil
}

// include reads an included file, and what it includes.
func (r *reading) include(ctx context.Context, n named, folder string, environment types.Mapping, way []string) error {
	if slices.Contains(way, n.path) {
		return progress.Invalid("%s: include leads back to %s", n.where, n.path)
	}
	next, err := r.readFile(ctx, n, folder, environment)
	if err != nil {
		return err
	}
	return r.follow(ctx, next, append(slices.Clone(way), n.path))
}

// includedEnvironment returns the variables for an included file: those of the
// including one, and those of its environment files, .env when none is named.
func (r *reading) includedEnvironment(p *composeFile, value any, folder string, way []string) (types.Mapping, error) {
	files, err := r.findAll(p, value)
	switch {
	case err != nil:
		return nil, err
	case len(files) > 0 && len(way) > 1:
		return nil, progress.Refused("%s: Compose looks for this environment file in another folder, as the including file is itself included: name it in the first include", files[0].where)
	case len(texts(value)) == 0:
		n := named{path: path.Join(folder, ".env"), text: ".env", where: path.Join(folder, ".env")}
		if info, err := r.stat(n.path); err == nil && !info.IsDir() {
			files = append(files, n)
		}
	}
	for _, n := range files {
		if err := r.checkEnvironmentFile(n, p.environment, ""); errors.Is(err, fs.ErrNotExist) {
			return nil, r.missingEnvironmentFile(n)
		} else if err != nil {
			return nil, err
		}
		r.add(File{Path: n.path, Use: UseRead, Where: n.where}, "")
	}
	values, err := dotenv.GetEnvFromFile(p.environment, r.pathsOnDisk(files))
	if err != nil {
		return nil, progress.Invalid("%s: %s", files[0].path, causeOf(err))
	}
	return p.environment.Clone().Merge(values), nil
}

// findAll returns the paths of one entry of include, without the file that stands
// for none.
func (r *reading) findAll(p *composeFile, value any) (files []named, err error) {
	for _, text := range texts(value) {
		if text == os.DevNull {
			continue
		}
		n, err := r.find(p, text, "include")
		if err != nil {
			return nil, err
		}
		files = append(files, n)
	}
	return files, nil
}

func (r *reading) pathsOnDisk(files []named) (all []string) {
	for _, n := range files {
		all = append(all, r.onDisk(n.path))
	}
	return all
}

// texts returns a text, or the texts of a list.
func texts(value any) (all []string) {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		for _, item := range v {
			if text, ok := item.(string); ok {
				all = append(all, text)
			}
		}
	}
	return all
}

// find returns the path of a compose file or an environment file that p names.
func (r *reading) find(p *composeFile, text, key string) (named, error) {
	n := named{text: text, where: p.where(text, key)}
	if names := missing(text, Lookup(p.environment.Resolve), true); len(names) > 0 {
		return n, checkNeeded(names)
	}
	name, ok := Expand(text, Lookup(p.environment.Resolve))
	below := belowPWD(name)
	switch {
	case !ok:
		return n, progress.Invalid("%s: %q has a variable that cannot be read: write ${NAME}, and $$ for a dollar sign", n.where, text)
	case isRemote(name):
		return n, progress.Refused("%s: %s is on another server, and may be another one tomorrow: put a copy into the repository", n.where, text)
	case path.IsAbs(below), strings.HasPrefix(name, "~"):
		return n, progress.Refused("%s: %s is not in the repository, and Compose reads it before a deploy: move it there, and write its relative path", n.where, text)
	}
	n.path = path.Join(p.base, name)
	if below != name {
		n.path = path.Join(r.folder, below)
	}
	return n, nil
}

func isRemote(name string) bool {
	return strings.Contains(name, "://") || strings.HasPrefix(name, "git@") || strings.HasPrefix(name, "oci:")
}

// where returns file:line:column of a text below key, as it is written.
func (p *composeFile) where(text, key string) string {
	for _, s := range p.scalars {
		if s.Text == text && slices.Contains(s.Keys, key) {
			return s.Where()
		}
	}
	return p.document.Where(key)
}

// missingFile says what to do about a file that is not there.
func (r *reading) missingFile(n named, use Use) error {
	remedy := "commit the file"
	switch {
	case n.where == n.text:
		return progress.Invalid("%s does not exist: give the path of a compose file, from the root of the repository", n.text)
	case use == UseBind:
		remedy += fmt.Sprintf(", or, where it is data that the service writes on the host, name it with --data %s (deploy.data in gitops.yml): it then stays in the deploy folder there", n.text)
	case use == UseSecret:
		remedy = "put the file there before the deploy, from the secrets of your CI, and do not commit it; or have its text in a variable, with environment: NAME instead of file:"
	}
	return progress.Invalid("%s: %s is not in the repository: %s", n.where, n.text, remedy)
}

// secretFile matches the names of environment files that nobody commits.
var secretFile = regexp.MustCompile(`(?i)(^|/)\.env(\.[^/]*)?$|(secret|password|passwd|credential|token|private|local)[^/]*$`)

// missingEnvironmentFile is missingFile for an environment file.
func (r *reading) missingEnvironmentFile(n named) error {
	remedy := "commit the file, or, where it has secrets, put it there before the deploy"
	if secretFile.MatchString(n.text) {
		remedy = "put the file there before the deploy, from the secrets of your CI, and do not commit it; or write its variables as NAME: ${NAME} under environment:, and give their values by --env-file"
	}
	return progress.Invalid("%s: %s is not in the repository: %s", n.where, n.text, remedy)
}
