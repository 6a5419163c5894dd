package compose

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/paths"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"

	"gitops/ci/progress"
)

// Manifest is what Compose on a host will make of a manifest and its files.
type Manifest struct {
	// Project has the active services, with extends, include, environment files and
	// label files resolved and variables replaced. Relative paths are absolute, below
	// the Source's Root on this machine; PWD is the project directory here, and other
	// variables that only the host knows, such as HOME, stay ${HOME}.
	Project *types.Project
	// Folder is the project directory, relative to Root, with slashes; "." is Root.
	Folder string
	// Files are the compose files and all that a release has to have beside them,
	// sorted by path.
	Files []File
	// Data are the bind mounts whose sources stay on the host, sorted by path.
	Data []Data

	root     string
	composed []*composeFile
	written  *Written
	anyValue bool            // the Source's
	lacking  map[string]bool // variables without a value or a default
}

// Load reads a manifest with the inputs that Compose on the host has, and finds the
// files that have to go with it. What cannot be deployed is progress.Invalid or
// progress.Refused, names file, line and column where they are known, and repeats no
// value of a variable.
func Load(ctx context.Context, s Source) (*Manifest, error) {
	return progress.Await(ctx, "reading the manifest", func() (*Manifest, error) { return load(ctx, s) })
}

func load(ctx context.Context, s Source) (*Manifest, error) {
	r, err := s.begin()
	if err != nil {
		return nil, err
	}
	if err := r.readManifests(ctx); err != nil {
		return nil, err
	}
	dict, err := r.resolve(ctx)
	if needed := r.needed(ctx); len(needed) > 0 && !s.AnyValue {
		return nil, checkNeeded(needed)
	}
	if err != nil {
		return nil, r.mistake(ctx, err)
	}
	if err := r.companions(dict); err != nil {
		return nil, err
	}
	m := &Manifest{Folder: r.folder, Files: sortedFiles(r.files), Data: sortedData(r.data), composed: r.composed, root: r.root,
		anyValue: r.AnyValue, lacking: r.lacking}
	if m.written, err = r.template(ctx); err != nil {
		return nil, err
	}
	if m.Project, err = r.project(dict); err != nil {
		return nil, r.mistake(ctx, err)
	}
	if needed := m.passed(r); len(needed) > 0 && !s.AnyValue {
		return nil, checkNeeded(needed)
	}
	return m, m.checkImages()
}

// details are the inputs of compose-go.
func (r *reading) details() types.ConfigDetails {
	details := types.ConfigDetails{WorkingDir: r.onDisk(r.folder), Environment: r.environment}
	for _, name := range r.Manifests {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: r.onDisk(path.Clean(name))})
	}
	return details
}

// named gives compose-go the project's name, which wins over the manifest's where
// the source has one.
func (r *reading) named(o *loader.Options) { o.SetProjectName(r.projectName(), r.Project != "") }

// resolve returns the manifest as one mapping, with its variables replaced. Paths
// stay as they are, relative to the project directory.
func (r *reading) resolve(ctx context.Context) (map[string]any, error) {
	return readModel(ctx, r.details(), r.named, func(o *loader.Options) { o.Interpolate.Substitute = r.substitute })
}

// substitute replaces the variables of a text, and notes those without a value.
func (r *reading) substitute(text string, mapping template.Mapping) (string, error) {
	names := missing(text, Lookup(mapping), true)
	if len(names) == 0 {
		return template.Substitute(text, mapping)
	}
	for _, name := range names {
		r.lacking[name] = true
	}
	return template.Substitute(text, func(name string) (string, bool) {
		if slices.Contains(names, name) {
			return anyValue, true
		}
		return mapping(name)
	})
}

// anyValue is a number, a text, a port and a path.
const anyValue = "1"

// project makes compose-go's project of the mapping, with absolute paths.
func (r *reading) project(dict map[string]any) (project *types.Project, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("compose cannot read it: %v", p)
		}
	}()
	if err := paths.ResolveRelativePaths(dict, r.onDisk(r.folder), nil); err != nil {
		return nil, err
	}
	replaceTexts(dict, func(text string) string { return hostText(text, r.onDisk(r.folder)) })
	details := r.details()
	details.Environment = r.environment.Clone()
	for name, value := range details.Environment {
		details.Environment[name] = hostText(value, r.onDisk(r.folder))
	}
	options := loader.ToOptions(&details, []func(*loader.Options){leaveChecks, func(o *loader.Options) {
		name, _ := dict["name"].(string)
		o.SetProjectName(name, true)
		o.Profiles = r.Profiles
		o.SkipResolveEnvironment = false
	}})
	return loader.ModelToProject(dict, options, details)
}

// replaceTexts replaces every text below value by what replace returns.
func replaceTexts(value any, replace func(string) string) any {
	switch v := value.(type) {
	case string:
		return replace(v)
	case map[string]any:
		for key, item := range v {
			v[key] = replaceTexts(item, replace)
		}
	case []any:
		for i, item := range v {
			v[i] = replaceTexts(item, replace)
		}
	}
	return value
}

// mistake returns compose-go's error with the place that it is about, and without
// this machine's paths. One that only occurs with the values of variables may repeat
// them, and is not quoted.
func (r *reading) mistake(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	_, plain := r.asWritten(ctx)
	if plain == nil {
		// An error that stays the same without the values is about something else.
		_, plain = r.withAnyValues(ctx)
		if plain != nil && plain.Error() != err.Error() {
			plain = nil
		}
	}
	if plain == nil {
		return progress.Invalid("%s: Compose cannot read this with the values of its variables: compare them with the form that belongs here", r.whereOf(err))
	}
	text := strings.ReplaceAll(plainWords.Replace(plain.Error()), r.root+string(filepath.Separator), "")
	return progress.Invalid("%s: %s", r.whereOf(plain), text)
}

// whereOf returns the place of an error of compose-go.
func (r *reading) whereOf(err error) string {
	keys := keysOf(err)
	if keys == nil {
		return r.composed[0].name
	}
	return r.whereKeys(keys...)
}

// whereKeys returns the place of a path of keys in the file that has most of it.
func (r *reading) whereKeys(keys ...string) string {
	for length := len(keys); length > 0; length-- {
		for i := len(r.composed) - 1; i >= 0; i-- {
			if r.composed[i].document.Has(keys[:length]...) {
				return r.composed[i].document.Where(keys...)
			}
		}
	}
	return r.composed[0].name
}

// asWritten returns the manifest as one mapping, with its variables as written.
func (r *reading) asWritten(ctx context.Context) (map[string]any, error) {
	return readModel(ctx, r.details(), r.named, asWritten)
}

// withAnyValues returns the manifest as one mapping in which all variables have the
// same value.
func (r *reading) withAnyValues(ctx context.Context) (map[string]any, error) {
	return readModel(ctx, r.details(), r.named, func(o *loader.Options) {
		o.Interpolate.Substitute = func(text string, _ template.Mapping) (string, error) {
			return template.Substitute(text, func(string) (string, bool) { return anyValue, true })
		}
	})
}

// checkImages refuses services that start and have no image: a deploy builds none.
func (m *Manifest) checkImages() error {
	for _, name := range m.Starts() {
		if m.Project.Services[name].Image == "" {
			return progress.Invalid("%s: service %q has no image: a deploy builds nothing, so give it the image that a release pushes", m.whereService(name), name)
		}
	}
	return nil
}

// whereService returns the place of a service's name, in the last file that has it.
func (m *Manifest) whereService(name string) string {
	for _, p := range slices.Backward(m.composed) {
		if p.document.Has("services", name) {
			return p.document.WhereKey("services", name)
		}
	}
	return m.where("services", name)
}

func (m *Manifest) where(keys ...string) string {
	return (&reading{composed: m.composed}).whereKeys(keys...)
}
