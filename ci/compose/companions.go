package compose

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"

	"gitops/ci/manifest"
	"gitops/ci/progress"
)

// companions finds the files that active services need, and checks them.
func (r *reading) companions(dict map[string]any) error {
	services, _ := dict["services"].(map[string]any)
	shared := func(key string, use Use) func(string, service) error {
		all, _ := dict[key].(map[string]any)
		return func(name string, s service) error { return r.shared(all, name, s, key, use) }
	}
	for _, name := range sortedKeys(services) {
		s, _ := services[name].(map[string]any)
		if !r.isActive(s) {
			continue
		}
		for _, add := range []func(string, service) error{r.binds, r.environmentFiles, r.labelFiles, shared("configs", UseConfig), shared("secrets", UseSecret)} {
			if err := add(name, s); err != nil {
				return err
			}
		}
	}
	if err := r.checkVolumes(dict); err != nil {
		return err
	}
	return r.checkData(services)
}

// belowPWD makes a path below PWD relative to the project directory.
func belowPWD(source string) string {
	if below, found := strings.CutPrefix(source, projectDirectory); found && (below == "" || below[0] == '/') {
		return "." + below
	}
	return source
}

// mappings returns the mappings of a list.
func (s service) mappings(key string) (all []map[string]any) {
	list, _ := s[key].([]any)
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}

// binds adds the relative bind mounts of a service.
func (r *reading) binds(name string, s service) error {
	for _, volume := range s.mappings("volumes") {
		source, _ := volume["source"].(string)
		if volume["type"] != types.VolumeTypeBind || source == "" {
			continue
		}
		n, relative, err := r.place(source, "volumes")
		switch {
		case err != nil:
			return err
		case !relative:
		case r.isData(n.path):
			r.addData(n, name)
		default:
			if err := r.take(n, File{Use: UseBind, Writable: volume["read_only"] != true}, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// take adds a file after it was checked.
func (r *reading) take(n named, f File, name string) (err error) {
	f.Path, f.Where = n.path, n.where
	if r.FilesElsewhere && f.Use != UseRead {
		r.add(f, name)
		return nil
	}
	if f.Folder, err = r.inspect(n); errors.Is(err, fs.ErrNotExist) {
		return r.missingFile(n, f.Use)
	} else if err != nil {
		return err
	}
	if f.Folder && f.Use != UseBind {
		return progress.Invalid("%s: %s is a folder, and a file belongs there", n.where, n.text)
	}
	r.add(f, name)
	return nil
}

// place returns a path of the model as one of the repository. It is false for a
// path of the host.
func (r *reading) place(source, key string) (named, bool, error) {
	source = belowPWD(source)
	target := path.Join(r.folder, source)
	n := r.written(source, target, key)
	switch {
	case r.isHome(source, n):
		return n, false, progress.Refused("%s: %s is in the home folder of whoever deploys: write the absolute path on the host", n.where, n.text)
	case path.IsAbs(source), r.AnyValue && len(missing(n.text, r.environment.Resolve, true)) > 0:
		return n, false, nil // a place of the host, or one that nobody knows yet
	}
	n.path = target
	return n, true, nil
}

// isHome reports whether a path begins with ~. compose-go replaces it in files that
// are included or extended.
func (r *reading) isHome(source string, n named) bool {
	if strings.HasPrefix(source, "~") {
		return true
	}
	home, err := os.UserHomeDir()
	return err == nil && strings.HasPrefix(source, home) && strings.HasPrefix(n.text, "~")
}

// written finds the text in a compose file that means a path.
func (r *reading) written(source, target, key string) named {
	if r.places[key] == nil {
		r.places[key] = r.textsFor(key)
	}
	for _, id := range []string{source, target} {
		if s, ok := r.places[key][id]; ok {
			return named{text: sourceText(s.Text, s.Keys[len(s.Keys)-1] == key), where: s.Where()}
		}
	}
	return named{text: "a path in " + key, where: r.whereKeys(key)}
}

// textsFor returns the texts that may be paths for key, by the paths that they can
// mean. Those of later files win.
func (r *reading) textsFor(key string) map[string]manifest.Scalar {
	all := map[string]manifest.Scalar{}
	for _, p := range slices.Backward(r.composed) {
		for _, s := range p.scalars {
			if !isPath(s.Keys, key) {
				continue
			}
			for _, id := range r.meanings(p, s, key) {
				if _, known := all[id]; !known {
					all[id] = s
				}
			}
		}
	}
	return all
}

// meanings returns the paths that a text of a compose file can mean: as the model has
// them, and relative to the root.
func (r *reading) meanings(p *composeFile, s manifest.Scalar, key string) []string {
	text, _ := p.expand(r, s.Text)
	if s.Keys[len(s.Keys)-1] == key {
		text, _, _ = strings.Cut(text, ":")
	}
	all := []string{text, path.Join(p.base, text)}
	if below := belowPWD(text); below != text {
		all = append(all, path.Join(r.folder, below))
	}
	if below, found := strings.CutPrefix(text, "~"); found {
		home, _ := os.UserHomeDir() // compose-go has put it there
		all = append(all, path.Join(home, below))
	}
	if text == "" {
		return nil
	}
	return all
}

// pathKeys are the keys under which a path stands, below those of what it is for.
var pathKeys = map[string][]string{
	"volumes": {"volumes", "source"}, "env_file": {"env_file", "path"}, "label_file": {"label_file"}, "configs": {"file"}, "secrets": {"file"},
}

// isPath reports whether a text below the keys may be a path for key.
func isPath(keys []string, key string) bool {
	return len(keys) > 0 && slices.Contains(keys, key) && slices.Contains(pathKeys[key], keys[len(keys)-1])
}

// expand replaces the variables of a text as for the part's file.
func (p *composeFile) expand(r *reading, text string) (string, error) {
	return r.substitute(text, p.environment.Resolve)
}

// sourceText returns the source of a short volume, up to the colon that is not part
// of a variable.
func sourceText(text string, short bool) string {
	if !short {
		return text
	}
	depth := 0
	for i := range len(text) {
		switch {
		case strings.HasPrefix(text[i:], "${"):
			depth++
		case text[i] == '}':
			depth--
		case text[i] == ':' && depth == 0:
			return text[:i]
		}
	}
	return text
}

// environmentFiles adds the environment files of a service.
func (r *reading) environmentFiles(name string, s service) error {
	var kept []any
	for _, file := range s.mappings("env_file") {
		exists, err := r.environmentFile(name, file)
		if err != nil {
			return err
		}
		if exists {
			kept = append(kept, file)
		}
	}
	if s["env_file"] != nil {
		s["env_file"] = kept
	}
	return nil
}

// environmentFile adds one environment file. It is false for one that need not be
// there, and for a file of the host, which is not known here.
func (r *reading) environmentFile(name string, file service) (bool, error) {
	n, relative, err := r.place(file.text("path"), "env_file")
	if err != nil || !relative || r.onlyShape() {
		return false, err
	}
	err = r.checkEnvironmentFile(n, r.environment, file.text("format"))
	switch {
	case errors.Is(err, fs.ErrNotExist) && file["required"] == false:
		return false, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, r.missingEnvironmentFile(n)
	case err != nil:
		return false, err
	}
	return true, r.take(n, File{Use: UseRead}, name)
}

// checkEnvironmentFile refuses an environment file that Compose cannot read. Its own
// error would quote the file.
func (r *reading) checkEnvironmentFile(n named, environment types.Mapping, format string) error {
	folder, err := r.inspect(n)
	switch {
	case err != nil:
		return err
	case folder:
		return progress.Invalid("%s: %s is a folder, and a file belongs there", n.where, n.text)
	case format != "":
		return nil // with a format, the file is taken as it is
	}
	text, err := os.ReadFile(r.onDisk(n.path))
	if err != nil {
		return progress.Invalid("reading %s: %w", n.path, withoutPath(err))
	}
	if _, _, err = readEnvironment(text, dotenv.LookupFn(environment.Resolve)); err == nil {
		return nil
	}
	line := firstBadLine(text, func(text []byte) bool {
		_, _, err := readEnvironment(text, environment.Resolve)
		return err == nil
	})
	return progress.Invalid("%s:%d: %s", n.path, line, causeOf(err))
}

// labelFiles adds the label files of a service.
func (r *reading) labelFiles(name string, s service) error {
	var kept []any
	for _, source := range texts(s["label_file"]) {
		n, relative, err := r.place(source, "label_file")
		switch {
		case err != nil:
			return err
		case !relative, r.onlyShape():
			continue // the host's, which is not known here
		}
		if err := r.take(n, File{Use: UseRead}, name); err != nil {
			return err
		}
		if err := r.checkEnvironmentFile(n, nil, ""); err != nil {
			return err
		}
		kept = append(kept, source)
	}
	if s["label_file"] != nil {
		s["label_file"] = kept
	}
	return nil
}

// shared adds the files of the configs or secrets that a service uses.
func (r *reading) shared(all map[string]any, name string, s service, key string, use Use) error {
	for _, used := range s.mappings(key) {
		source, _ := used["source"].(string)
		definition, _ := all[source].(map[string]any)
		file, _ := definition["file"].(string)
		if file == "" {
			continue
		}
		n, relative, err := r.place(file, key)
		if err != nil {
			return err
		}
		if relative {
			if err := r.take(n, File{Use: use}, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkVolumes refuses named volumes that bind a relative path: Docker would take it
// as one of the host's root.
func (r *reading) checkVolumes(dict map[string]any) error {
	volumes, _ := dict["volumes"].(map[string]any)
	for _, name := range sortedKeys(volumes) {
		volume, _ := volumes[name].(map[string]any)
		options, _ := volume["driver_opts"].(map[string]any)
		mount, _ := options["o"].(string)
		device, _ := options["device"].(string)
		if device == "" || path.IsAbs(belowPWD(device)) || !slices.Contains(strings.Split(mount, ","), "bind") {
			continue
		}
		return progress.Refused("%s: volume %q binds a relative path, which another release would not find: write an absolute path on the host, or a bind mount in the service",
			r.whereKeys("volumes", name, "driver_opts", "device"), name)
	}
	return nil
}

func sortedFiles(files map[fileKey]*File) (all []File) {
	for _, f := range files {
		all = append(all, *f)
	}
	slices.SortFunc(all, func(a, b File) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Use, b.Use)) })
	return all
}
