// Package daggermodule reads what a Dagger module in Go declares from its source: the
// functions of its main object, with their arguments. It needs no engine.
package daggermodule

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
)

// Constructor is the name under which Read lists the function New.
const Constructor = "constructor"

// Function is a function of the main object, as callers see it: names as the dagger
// command has them.
type Function struct {
	Name string
	Doc  string
	// Returns is the type of the result without its pointer: Gitops, dagger.Directory,
	// string.
	Returns   string
	Arguments []Argument
}

// Argument is an argument of a function that callers give: not the context, and not
// the workspace, which the engine fills in.
type Argument struct {
	Name string
	Doc  string
	// Type is the argument's type as the source has it, such as []string or
	// *dagger.Secret.
	Type string
	// Note says how the argument may be left out, or that it is required.
	Note string
}

// Required is the Note of an argument that must be given.
const Required = "required"

// Argument returns the argument of a name, if the function has it.
func (f Function) Argument(name string) (Argument, bool) {
	at := slices.IndexFunc(f.Arguments, func(a Argument) bool { return a.Name == name })
	if at < 0 {
		return Argument{}, false
	}
	return f.Arguments[at], true
}

// Read reads the functions of the object Gitops in dir, sorted by name.
func Read(dir string) ([]Function, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var all []Function
	positions := token.NewFileSet()
	for _, name := range names {
		if strings.HasSuffix(name, ".gen.go") {
			continue
		}
		file, err := parser.ParseFile(positions, name, nil, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("reading the module: %w", err)
		}
		for _, declaration := range file.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && isFunction(f) {
				all = append(all, describe(f, comments(positions, file)))
			}
		}
	}
	if len(all) == 0 {
		return nil, errors.New("reading the module: there are no functions in " + dir)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all, nil
}

// isFunction reports whether f is a function that callers of the module see, the
// constructor among them.
func isFunction(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return f.Name.Name == "New"
	}
	return f.Name.IsExported() && typeName(f.Recv.List[0].Type) == "*Gitops"
}

// comments returns the comments of a file by the line that follows each: the parser
// gives comments to fields of types, not to parameters.
func comments(positions *token.FileSet, file *ast.File) func(ast.Node) string {
	after := map[int]string{}
	for _, group := range file.Comments {
		after[positions.Position(group.End()).Line+1] = group.Text()
	}
	return func(node ast.Node) string { return after[positions.Position(node.Pos()).Line] }
}

func describe(f *ast.FuncDecl, comment func(ast.Node) string) Function {
	doc, _ := pragmas(f.Doc.Text())
	described := Function{Name: kebab(f.Name.Name), Doc: strings.TrimSpace(doc)}
	if f.Recv == nil {
		described.Name = Constructor
	}
	if f.Type.Results != nil {
		described.Returns = strings.TrimPrefix(typeName(f.Type.Results.List[0].Type), "*")
	}
	for _, field := range f.Type.Params.List {
		kind := typeName(field.Type)
		if kind == "context.Context" || kind == "*dagger.Workspace" {
			continue
		}
		doc, note := pragmas(comment(field))
		for _, name := range field.Names {
			described.Arguments = append(described.Arguments, Argument{kebab(name.Name), doc, kind, note})
		}
	}
	return described
}

// typeName writes a type as the source does.
func typeName(expression ast.Expr) string {
	switch e := expression.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return "*" + typeName(e.X)
	case *ast.ArrayType:
		return "[]" + typeName(e.Elt)
	case *ast.SelectorExpr:
		return typeName(e.X) + "." + e.Sel.Name
	}
	return ""
}

// pragmas takes the lines that the engine reads out of a comment, and says what they
// mean for the caller.
func pragmas(comment string) (doc, note string) {
	var kept []string
	note = Required
	for line := range strings.Lines(comment) {
		line = strings.TrimRight(line, "\n")
		name, value, _ := strings.Cut(strings.TrimPrefix(line, "+"), "=")
		switch {
		case !strings.HasPrefix(line, "+"):
			kept = append(kept, line)
		case name == "optional":
			note = ""
		case name == "default":
			note = "default `" + strings.Trim(value, `"`) + "`"
		}
	}
	return strings.Join(kept, "\n"), note
}

var hump = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// kebab writes a name as the dagger command does.
func kebab(name string) string { return strings.ToLower(hump.ReplaceAllString(name, "$1-$2")) }
