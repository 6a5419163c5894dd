package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
)

// function is a function of the Dagger module, as its source documents it.
type function struct {
	name      string
	doc       string
	arguments []argumentDoc
}

// argumentDoc is an argument of a function; note says whether it may be left out.
type argumentDoc struct{ name, doc, note string }

// moduleFunctions reads the functions of the module's main object, sorted by name.
func moduleFunctions(t *testing.T, dir string) []function {
	t.Helper()
	positions := token.NewFileSet()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all []function
	for _, name := range names {
		if strings.HasSuffix(name, ".gen.go") {
			continue
		}
		file, err := parser.ParseFile(positions, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && isFunction(f) {
				all = append(all, describe(f, comments(positions, file)))
			}
		}
	}
	if len(all) == 0 {
		t.Fatal("the module has no functions")
	}
	sort.Slice(all, func(i, j int) bool { return all[i].name < all[j].name })
	return all
}

// constructor is what the page calls the function New.
const constructor = "constructor"

// isFunction reports whether f is a function that callers of the module see, the
// constructor among them.
func isFunction(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return f.Name.Name == "New"
	}
	if !f.Name.IsExported() {
		return false
	}
	star, ok := f.Recv.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	receiver, ok := star.X.(*ast.Ident)
	return ok && receiver.Name == "Gitops"
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

func describe(f *ast.FuncDecl, comment func(ast.Node) string) function {
	doc, _ := pragmas(f.Doc.Text())
	described := function{name: kebab(f.Name.Name), doc: strings.TrimSpace(doc)}
	if f.Recv == nil {
		described.name = constructor
	}
	for _, field := range f.Type.Params.List {
		if isFilledIn(field.Type) {
			continue
		}
		doc, notes := pragmas(comment(field))
		for _, name := range field.Names {
			described.arguments = append(described.arguments, argumentDoc{kebab(name.Name), doc, notes})
		}
	}
	return described
}

// isFilledIn reports whether the engine fills in an argument of this type.
func isFilledIn(expression ast.Expr) bool {
	if star, ok := expression.(*ast.StarExpr); ok {
		expression = star.X
	}
	selector, ok := expression.(*ast.SelectorExpr)
	return ok && slices.Contains([]string{"Context", "Workspace"}, selector.Sel.Name)
}

// pragmas takes the lines that the engine reads out of a comment, and says what they
// mean for the caller.
func pragmas(comment string) (doc, note string) {
	var kept []string
	note = "required"
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
		case name == "defaultPath":
			note = "default: the repository"
		}
	}
	return strings.Join(kept, "\n"), note
}

var hump = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// kebab writes a name as the dagger command does.
func kebab(name string) string { return strings.ToLower(hump.ReplaceAllString(name, "$1-$2")) }
