package builds

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"

	"gitops/ci/progress"
)

// Override is a --service flag: what it says wins over the build sections.
type Override struct {
	service                     string
	context, dockerfile, target string
	platforms                   []string
	args                        map[string]string
}

// ParseOverrides parses the values of --service, by the services' names. Errors are
// progress.Invalid and quote the flag.
func ParseOverrides(values []string) (map[string]Override, error) {
	all := map[string]Override{}
	for _, value := range values {
		o, err := parseOverride(value)
		if err != nil {
			return nil, progress.Invalid("--service %q: %w", value, err)
		}
		if _, twice := all[o.service]; twice {
			return nil, progress.Invalid("--service names %q twice", o.service)
		}
		all[o.service] = o
	}
	return all, nil
}

func parseOverride(value string) (Override, error) {
	fields, err := splitFields(value)
	if err != nil {
		return Override{}, err
	}
	o := Override{args: map[string]string{}}
	name, context, given := strings.Cut(fields[0], "=")
	if name == "" || given && context == "" {
		return o, errors.New("want NAME or NAME=CONTEXT first, such as web=./web")
	}
	o.service, o.context = name, context
	for _, field := range fields[1:] {
		key, text, found := strings.Cut(field, "=")
		if !found || text == "" {
			return o, errors.New(field + " is not of the form KEY=VALUE; a value with a comma is quoted, as in " + `"arg=NAME=a,b"`)
		}
		if err := o.set(key, text); err != nil {
			return o, err
		}
	}
	return o, nil
}

// splitFields splits at commas as docker does in --mount: by the rules of CSV.
func splitFields(value string) ([]string, error) {
	reader := csv.NewReader(strings.NewReader(value))
	fields, err := reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("want NAME or NAME=CONTEXT first, such as web=./web")
	}
	if err != nil {
		return nil, errors.New(`quotes go around a whole field, as in "arg=NAME=a,b", and are doubled inside one`)
	}
	if _, err := reader.Read(); !errors.Is(err, io.EOF) {
		return nil, errors.New("it has several lines: a value with a line break is quoted")
	}
	return fields, nil
}

// set takes one field after the first.
func (o *Override) set(key, value string) error {
	switch key {
	case "dockerfile":
		return setOnce(&o.dockerfile, key, value)
	case "target":
		return setOnce(&o.target, key, value)
	case "platform":
		o.platforms = append(o.platforms, value)
		return nil
	case "arg":
		name, text, found := strings.Cut(value, "=")
		if !found || name == "" {
			return errors.New("arg=" + value + " is not of the form arg=NAME=VALUE")
		}
		if _, twice := o.args[name]; twice {
			return errors.New("arg " + name + " is given twice")
		}
		o.args[name] = text
		return nil
	}
	return errors.New("there is no key " + key + ": want dockerfile, target, platform or arg")
}

func setOnce(into *string, key, value string) error {
	if *into != "" {
		return errors.New(key + " is given twice")
	}
	*into = value
	return nil
}

// apply replaces what the flag says.
func (o Override) apply(s *Section) {
	where := "--service " + o.service
	if o.context != "" {
		s.Context, s.Folder = Setting{Text: o.context, Where: where}, "."
	}
	if o.dockerfile != "" {
		s.Dockerfile = Setting{Text: o.dockerfile, Where: where}
	}
	if o.target != "" {
		s.Target = Setting{Text: o.target, Where: where}
	}
	if o.platforms != nil {
		s.Platforms = nil
	}
	for _, platform := range o.platforms {
		s.Platforms = append(s.Platforms, Setting{Text: platform, Where: where})
	}
}

// HasContext reports whether the flag names a context.
func (o Override) HasContext() bool { return o.context != "" }

// HasPlatforms reports whether the flag names platforms.
func (o Override) HasPlatforms() bool { return len(o.platforms) > 0 }
