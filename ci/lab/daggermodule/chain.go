package daggermodule

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Step is a function of a chain with the values of its arguments, as they are written
// on the command line or in the local defaults.
type Step struct {
	Name   string
	Values map[string][]string
}

// Value returns the one value of an argument, empty when it has none.
func (s Step) Value(name string) string {
	if values := s.Values[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// core are the functions of Dagger's own objects that a chain can end in.
var core = map[string][]Function{
	"dagger.Directory": {
		{Name: "export", Returns: "string", Arguments: []Argument{{Name: "path", Type: "string", Note: Required}}},
		{Name: "without-file", Returns: "dagger.Directory", Arguments: []Argument{{Name: "path", Type: "string", Note: Required}}},
	},
	"dagger.File": {
		{Name: "export", Returns: "string", Arguments: []Argument{{Name: "path", Type: "string", Note: Required}}},
		{Name: "contents", Returns: "string"},
	},
}

// Parse reads the arguments of `dagger call`: flags of the constructor, then functions
// with theirs. It refuses what the dagger command refuses, in its words. Defaults are
// Dagger's local defaults of this module, by name without the module's.
func Parse(functions []Function, args []string, defaults map[string]string) ([]Step, error) {
	next := func(name string) (Function, bool) {
		at := slices.IndexFunc(functions, func(f Function) bool { return f.Name == name })
		if at < 0 {
			return Function{}, false
		}
		return functions[at], true
	}
	constructor, _ := next(Constructor)
	first, args, err := take(constructor, args, defaults)
	if err != nil {
		return nil, err
	}
	steps, path := []Step{first}, "dagger call"
	for len(args) > 0 {
		function, known := next(args[0])
		if !known || args[0] == Constructor {
			return nil, fmt.Errorf("unknown command %q for %q", args[0], path)
		}
		path += " " + args[0]
		var step Step
		if step, args, err = take(function, args[1:], defaults); err != nil {
			return nil, err
		}
		steps = append(steps, step)
		if function.Returns != "Gitops" {
			next = inCore(function.Returns)
		}
	}
	return steps, nil
}

func inCore(kind string) func(string) (Function, bool) {
	return func(name string) (Function, bool) {
		at := slices.IndexFunc(core[kind], func(f Function) bool { return f.Name == name })
		if at < 0 {
			return Function{}, false
		}
		return core[kind][at], true
	}
}

// take reads the flags of one function, and returns the arguments after them.
func take(f Function, args []string, defaults map[string]string) (Step, []string, error) {
	flags := pflag.NewFlagSet(f.Name, pflag.ContinueOnError)
	flags.SetInterspersed(false)
	flags.SetOutput(io.Discard)
	for _, a := range f.Arguments {
		switch {
		case a.Type == "bool":
			flags.Bool(a.Name, false, "")
		case strings.HasPrefix(a.Type, "[]"):
			flags.StringSlice(a.Name, nil, "")
		default:
			flags.String(a.Name, "", "")
		}
	}
	if err := flags.Parse(args); err != nil {
		return Step{}, nil, err
	}
	step := Step{Name: f.Name, Values: map[string][]string{}}
	for _, a := range f.Arguments {
		step.Values[a.Name] = values(flags, a, byDefault(f, a, defaults))
		if a.Note == Required && len(step.Values[a.Name]) == 0 {
			return Step{}, nil, fmt.Errorf("required flag(s) %q not set", a.Name)
		}
	}
	return step, flags.Args(), nil
}

// byDefault returns what the local defaults, or else the source, say of an argument.
func byDefault(f Function, a Argument, defaults map[string]string) string {
	name := strings.ToUpper(strings.ReplaceAll(a.Name, "-", ""))
	if f.Name != Constructor {
		name = strings.ToUpper(strings.ReplaceAll(f.Name, "-", "")) + "_" + name
	}
	written, _ := strings.CutPrefix(a.Note, "default ")
	if written == a.Note {
		written = ""
	}
	return cmp.Or(defaults[name], strings.Trim(written, "`"))
}

func values(flags *pflag.FlagSet, a Argument, fallback string) []string {
	flag := flags.Lookup(a.Name)
	switch {
	case flag.Changed && strings.HasPrefix(a.Type, "[]"):
		list, _ := flags.GetStringSlice(a.Name) // it was made as one
		return list
	case flag.Changed:
		return []string{flag.Value.String()}
	case fallback != "" && strings.HasPrefix(a.Type, "[]"):
		return strings.Split(fallback, ",")
	case fallback != "":
		return []string{fallback}
	}
	return nil
}
