package githubtest

import (
	_ "embed"
	"net/http"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

//go:embed schema.graphql
var schemaText string

var schema = gqlparser.MustLoadSchema(&ast.Source{Name: "schema.graphql", Input: schemaText})

// object is a value of one of the schema's types: its fields, of which a function takes
// the arguments.
type object struct {
	kind   string // the name of its type
	fields map[string]any
}

// field is what a field with arguments is resolved by. A message says why it is
// forbidden.
type field func(args map[string]any) (value any, forbidden string)

// graphql answers queries of the schema. A field that it does not know is an error, in
// an answer with status 200, as on GitHub.
func (s *Server) graphql(w http.ResponseWriter, r *http.Request) {
	var given struct {
		Query     string         `json:"query"`
		Variables map[string]any `json:"variables"`
	}
	if !read(w, r, &given) {
		return
	}
	document, problems := gqlparser.LoadQueryWithRules(schema, given.Query, rules.NewDefaultRules())
	if len(problems) > 0 {
		answer(w, http.StatusOK, map[string]any{"errors": problems})
		return
	}
	operation := document.Operations[0]
	variables, err := validator.VariableValues(schema, operation, given.Variables)
	if err != nil {
		answer(w, http.StatusOK, map[string]any{"errors": []any{map[string]any{"message": err.Error()}}})
		return
	}
	may, _ := s.permissionsOf(bearer(r))
	s.mu.Lock()
	defer s.mu.Unlock()
	e := execution{variables: variables}
	body := map[string]any{"data": e.selected(s.query(r, may), operation.SelectionSet, nil)}
	if len(e.errors) > 0 {
		body["errors"] = e.errors
	}
	answer(w, http.StatusOK, body)
}

// execution is one query being answered.
type execution struct {
	variables map[string]any
	errors    []any
}

func (e *execution) selected(o *object, set ast.SelectionSet, path []any) map[string]any {
	found := map[string]any{}
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			found[selection.Alias] = e.field(o, selection, append(path[:len(path):len(path)], selection.Alias))
		case *ast.InlineFragment:
			if selection.TypeCondition == o.kind {
				for name, value := range e.selected(o, selection.SelectionSet, path) {
					found[name] = value
				}
			}
		}
	}
	return found
}

func (e *execution) field(o *object, selection *ast.Field, path []any) any {
	if selection.Name == "__typename" {
		return o.kind
	}
	value := o.fields[selection.Name]
	if resolve, ok := value.(field); ok {
		var forbidden string
		if value, forbidden = resolve(selection.ArgumentMap(e.variables)); forbidden != "" {
			e.errors = append(e.errors, map[string]any{"type": "FORBIDDEN", "path": path, "message": forbidden,
				"extensions": map[string]any{"saml_failure": false}})
			return nil
		}
	}
	switch value := value.(type) {
	case *object:
		if value == nil {
			return nil
		}
		return e.selected(value, selection.SelectionSet, path)
	case []*object:
		all := []any{}
		for i, item := range value {
			all = append(all, e.selected(item, selection.SelectionSet, append(path[:len(path):len(path)], i)))
		}
		return all
	}
	return value
}
