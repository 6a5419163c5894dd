package compose

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"gitops/ci/manifest"
	"gitops/ci/progress"
)

// Project is a manifest as Compose understands it, its variables as written.
type Project struct {
	file     string
	document *manifest.Document
	model    map[string]any
	services map[string]service
	values   *Values // for the build arguments of a release
}

// service is the definition of a service, with all that was merged into it.
type service map[string]any

// read reads the text of one manifest, which errors call file, and no file that it
// includes or extends: a release edits one file. What Compose does not accept is
// progress.Invalid, with line and column where they are known.
func read(text []byte, file string) (*Project, error) {
	document, err := manifest.Parse(text, file)
	if err != nil {
		return nil, err
	}
	p := &Project{file: file, document: document, services: map[string]service{}}
	if len(document.Keys("services")) == 0 {
		return nil, progress.Invalid("%s: it has no services: is it a compose file?", file)
	}
	return p, p.load(text)
}

// load has compose-go read the text.
func (p *Project) load(text []byte) error {
	others, err := newOtherFiles(p.document.Extended())
	if err != nil {
		return err
	}
	defer others.remove()
	details := types.ConfigDetails{WorkingDir: "/", ConfigFiles: []types.ConfigFile{{Filename: p.file, Content: text}}}
	p.model, err = readModel(context.Background(), details, asWritten, func(o *loader.Options) {
		o.SetProjectName("project", true)
		o.ResourceLoaders, o.SkipInclude = []loader.ResourceLoader{others}, true
	})
	if err != nil {
		return p.invalid(err)
	}
	services, _ := p.model["services"].(map[string]any)
	for name, value := range services {
		definition, ok := value.(map[string]any)
		if !ok && value != nil {
			return p.invalid(fmt.Errorf("services.%s must be a mapping", name))
		}
		p.services[name] = definition
	}
	return nil
}

// readModel has compose-go read compose files into one mapping.
func readModel(ctx context.Context, details types.ConfigDetails, options ...func(*loader.Options)) (model map[string]any, err error) {
	defer func() {
		// The loader takes the shape of some values for granted. The schema that
		// would check them is left to the host's Compose, which may be newer.
		if r := recover(); r != nil {
			err = fmt.Errorf("compose cannot read it: %v", r)
		}
	}()
	return loader.LoadModelWithContext(ctx, details, append(options, leaveChecks)...)
}

// leaveChecks leaves schema and consistency to the host's Compose, and paths as they
// are.
func leaveChecks(o *loader.Options) {
	o.SkipValidation, o.SkipConsistencyCheck, o.SkipResolveEnvironment, o.ResolvePaths = true, true, true, false
}

// asWritten keeps variables, and adds nothing that the text does not have.
func asWritten(o *loader.Options) {
	o.SkipInterpolation, o.SkipNormalization, o.SkipDefaultValues = true, true, true
}

var (
	errorPath    = regexp.MustCompile(`services(\.[^\s:.]+)*`)
	errorExtends = regexp.MustCompile(`^cannot extend service "([^"]+)"|^Circular reference:\n +(\S+) in `)
	plainWords   = strings.NewReplacer("[]interface {}", "list", "map[string]interface {}", "mapping", "<nil>", "null")
)

// invalid returns compose-go's error with the place in the text that it is about.
func (p *Project) invalid(err error) error {
	where := p.file
	if keys := keysOf(err); keys != nil {
		where = p.document.Where(keys...)
	}
	return progress.Invalid("%s: %s", where, plainWords.Replace(err.Error()))
}

// keysOf returns the keys of what an error of compose-go is about; nil if it does
// not tell.
func keysOf(err error) []string {
	if found := errorExtends.FindStringSubmatch(err.Error()); found != nil {
		return []string{"services", found[1] + found[2], "extends"}
	}
	if path := errorPath.FindString(err.Error()); path != "" {
		return strings.Split(path, ".")
	}
	return nil
}

// names returns the names of the services that keep accepts, sorted.
func (p *Project) names(keep func(service) bool) (names []string) {
	for name, s := range p.services {
		if keep(s) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// text returns the value of a key, if it has one that is no list or mapping.
func (s service) text(key string) string {
	switch value := s[key].(type) {
	case nil, map[string]any, []any:
		return ""
	default:
		return fmt.Sprint(value)
	}
}

// mapping returns the value of a key that may be written as a mapping or as a list
// of NAME=value. A name without a value is nil.
func (s service) mapping(key string) types.MappingWithEquals {
	var values types.MappingWithEquals
	if s[key] == nil || values.DecodeMapstructure(s[key]) != nil {
		return nil // Compose on the host says what is wrong with it
	}
	return values
}
