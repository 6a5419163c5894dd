package infra

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Run is a program that the configuration starts, or a place that it asks, beside
// what the plan shows.
type Run struct {
	Kind    string `json:"kind"`    // local-exec, remote-exec, file, external, http, provider, …
	Address string `json:"address"` // of the resource, the data source or the provider
	Text    string `json:"text"`    // the command, program, address or settings, as the configuration writes it
	File    string `json:"file"`
	Line    int    `json:"line"`
}

// Volatile is a call of a function that gives another value each time.
type Volatile struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Remedy   string `json:"remedy"`
}

// reading is what is read of the files of the root module and its modules.
type reading struct {
	dir       string
	modules   modules
	sources   []sourceFile
	runs      []Run
	volatile  []Volatile
	named     []reference // what the configuration names
	generated map[string]bool
}

// sourceFile is a file that Terraform reads by itself.
type sourceFile struct {
	module  module
	path    string // absolute
	content []byte
}

// reference is a text in the configuration that may be a path.
type reference struct {
	text   string
	module module
	reads  bool // a function that reads files has it
}

func readConfiguration(dir string, all modules) (*reading, error) {
	c := &reading{dir: dir, modules: all, generated: map[string]bool{}}
	seen := map[string]bool{}
	for _, m := range all {
		if seen[m.Dir] {
			continue
		}
		seen[m.Dir] = true
		if err := c.readModule(m); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(c.runs, func(a, b Run) int { return cmp.Compare(a.Address, b.Address) })
	return c, nil
}

func (c *reading) readModule(m module) error {
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		if entry.IsDir() || !isConfiguration(name) {
			continue
		}
		path := filepath.Join(m.Dir, name)
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file := sourceFile{m, path, content}
		c.sources = append(c.sources, file)
		if strings.HasSuffix(name, ".json") {
			c.readJSON(file)
			continue
		}
		parsed, problems := hclsyntax.ParseConfig(content, c.relative(path), hcl.InitialPos)
		if problems.HasErrors() {
			return problems
		}
		c.readBody(file, parsed.Body.(*hclsyntax.Body))
	}
	return nil
}

// isConfiguration reports whether Terraform reads files of that name by itself. Values
// of variables are inputs by themselves.
func isConfiguration(name string) bool {
	return !strings.HasPrefix(name, ".") && (strings.HasSuffix(name, ".tf") || strings.HasSuffix(name, ".tf.json"))
}

// relative is a path as messages name it: from the root module where that is shorter.
func (c *reading) relative(path string) string {
	relative, err := filepath.Rel(c.dir, path)
	if err != nil {
		return path
	}
	return filepath.ToSlash(relative)
}

func (c *reading) readBody(file sourceFile, body *hclsyntax.Body) {
	for _, block := range body.Blocks {
		name := strings.Join(block.Labels, ".")
		switch block.Type {
		case "resource":
			c.readResource(file, name, block)
		case "removed":
			if from := block.Body.Attributes["from"]; from != nil {
				name = file.text(from)
			}
			c.readResource(file, name, block)
		case "data":
			c.readData(file, name, block)
		case "provider":
			c.addRun(file, "provider", "provider."+name, block, "region", "profile", "assume_role", "endpoints", "allowed_account_ids", "project", "host", "alias")
		}
	}
	_ = hclsyntax.VisitAll(body, func(n hclsyntax.Node) hcl.Diagnostics {
		c.visit(file, n)
		return nil
	})
}

func (c *reading) readResource(file sourceFile, name string, block *hclsyntax.Block) {
	for _, inner := range block.Body.Blocks {
		if inner.Type == "provisioner" && len(inner.Labels) == 1 {
			c.addRun(file, inner.Labels[0], name, inner, "command", "inline", "script", "scripts", "interpreter", "working_dir", "source", "content", "destination", "when")
		}
	}
	if strings.HasPrefix(name, "local_") {
		c.addGenerated(file, block.Body.Attributes["filename"])
	}
}

func (c *reading) readData(file sourceFile, name string, block *hclsyntax.Block) {
	switch block.Labels[0] {
	case "external":
		c.addRun(file, "external", "data."+name, block, "program", "working_dir", "query")
	case "http":
		c.addRun(file, "http", "data."+name, block, "url", "method", "request_body")
	case "archive_file":
		c.addGenerated(file, block.Body.Attributes["output_path"])
	}
}

// addRun notes what a block runs: its attributes and blocks of the given names.
func (c *reading) addRun(file sourceFile, kind, name string, block *hclsyntax.Block, attributes ...string) {
	var texts []string
	for _, attribute := range attributes {
		if value := block.Body.Attributes[attribute]; value != nil {
			texts = append(texts, attribute+" = "+file.text(value))
		}
		for _, inner := range block.Body.Blocks {
			if inner.Type == attribute {
				texts = append(texts, string(inner.Range().SliceBytes(file.content)))
			}
		}
	}
	c.runs = append(c.runs, Run{
		Kind: kind, Address: c.address(file.module, name), Text: strings.Join(texts, "\n"),
		File: c.relative(file.path), Line: block.DefRange().Start.Line,
	})
}

// text is the value of an attribute as it is written.
func (f sourceFile) text(attribute *hclsyntax.Attribute) string {
	return strings.TrimSpace(string(attribute.Expr.Range().SliceBytes(f.content)))
}

func (c *reading) address(m module, name string) string {
	if m.Key == "" {
		return name
	}
	return "module." + strings.ReplaceAll(m.Key, ".", ".module.") + "." + name
}

// addGenerated notes a file that Terraform writes: it is no input.
func (c *reading) addGenerated(file sourceFile, attribute *hclsyntax.Attribute) {
	if attribute == nil {
		return
	}
	for _, text := range c.values(file.module, attribute.Expr) {
		for _, dir := range []string{c.dir, file.module.Dir} {
			c.generated[resolve(dir, text)] = true
		}
	}
}

// resolve makes a path absolute.
func resolve(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// remedies of functions that give another value each time.
const (
	everyPlan  = "it is known at plan and differs in each, so no plan is ever the reviewed one: use the resource time_static, or a variable"
	everyApply = "it is known only at apply and differs in each: use a resource that keeps its value (time_static, random_uuid), or a variable"
)

var volatileFunctions = map[string]string{"plantimestamp": everyPlan, "timestamp": everyApply, "uuid": everyApply, "bcrypt": everyApply}

// readers are the functions that read files.
var readers = map[string]bool{
	"file": true, "fileexists": true, "fileset": true, "filebase64": true, "templatefile": true, "filemd5": true, "filesha1": true,
	"filesha256": true, "filesha512": true, "filebase64sha256": true, "filebase64sha512": true,
}

// visit notes calls of functions and texts that may be paths.
func (c *reading) visit(file sourceFile, n hclsyntax.Node) {
	switch n := n.(type) {
	case *hclsyntax.FunctionCallExpr:
		if remedy, is := volatileFunctions[n.Name]; is {
			c.volatile = append(c.volatile, Volatile{n.Name + "()", c.relative(file.path), n.NameRange.Start.Line, remedy})
		}
		if readers[n.Name] && len(n.Args) > 0 && !c.namesFiles(file.module, n) {
			for _, text := range c.values(file.module, n.Args[0]) {
				c.named = append(c.named, reference{text, file.module, true})
			}
		}
	case *hclsyntax.TemplateExpr:
		for _, text := range c.values(file.module, n) {
			c.named = append(c.named, reference{text, file.module, false})
		}
	}
}

// namesFiles reports whether a call of fileset has a pattern with letters: what it finds
// counts by its name then.
func (c *reading) namesFiles(m module, call *hclsyntax.FunctionCallExpr) bool {
	if call.Name != "fileset" || len(call.Args) != 2 {
		return false
	}
	folder := c.values(m, call.Args[0])
	inside := len(folder) == 1 && (resolve(c.dir, folder[0]) == c.dir || resolve(c.dir, folder[0]) == m.Dir)
	return inside && strings.Trim(strings.Join(c.values(m, call.Args[1]), ""), "*/.?") != ""
}

// values are the texts that an expression has, where it is made of texts and of the
// places path.module, path.root and path.cwd.
func (c *reading) values(m module, expression hclsyntax.Expression) []string {
	places := cty.ObjectVal(map[string]cty.Value{
		"module": cty.StringVal(m.Dir), "root": cty.StringVal(c.dir), "cwd": cty.StringVal(c.dir),
	})
	value, problems := expression.Value(&hcl.EvalContext{Variables: map[string]cty.Value{"path": places}})
	if problems.HasErrors() {
		return nil
	}
	return textsOf(value)
}

// textsOf are the texts in a value.
func textsOf(value cty.Value) []string {
	if value.IsNull() || !value.IsWhollyKnown() {
		return nil
	}
	if value.Type() == cty.String {
		return []string{value.AsString()}
	}
	var all []string
	if value.CanIterateElements() {
		for it := value.ElementIterator(); it.Next(); {
			_, element := it.Element()
			all = append(all, textsOf(element)...)
		}
	}
	return all
}

// readJSON notes the provisioners of a file in Terraform's JSON, as they are written.
func (c *reading) readJSON(file sourceFile) {
	var document struct {
		Resource map[string]map[string]map[string]json.RawMessage `json:"resource"`
		Data     map[string]map[string]json.RawMessage            `json:"data"`
		Provider map[string]json.RawMessage                       `json:"provider"`
		Removed  json.RawMessage                                  `json:"removed"`
	}
	if json.Unmarshal(file.content, &document) != nil {
		return // Terraform says what is wrong with it, or it has an unusual form: its content is an input
	}
	add := func(kind, name string, text json.RawMessage) {
		if len(text) > 0 {
			c.runs = append(c.runs, Run{Kind: kind, Address: c.address(file.module, name), Text: string(text), File: c.relative(file.path), Line: 1})
		}
	}
	for kind, resources := range document.Resource {
		for name, resource := range resources {
			add("provisioner", kind+"."+name, resource["provisioner"])
		}
	}
	for _, kind := range []string{"external", "http"} {
		for name, data := range document.Data[kind] {
			add(kind, "data."+kind+"."+name, data)
		}
	}
	for name, provider := range document.Provider {
		add("provider", "provider."+name, provider)
	}
	if strings.Contains(string(document.Removed), `"provisioner"`) {
		add("provisioner", "removed", document.Removed)
	}
}

// runInputs are the runs as inputs, so that a list of them that is shown is the list
// of what runs.
func runInputs(runs []Run) []Input {
	count := map[string]int{}
	var parts []Input
	for _, run := range runs {
		name := run.Address
		key := run.Kind + " " + name
		if count[key]++; count[key] > 1 {
			name += fmt.Sprintf(" (%d)", count[key])
		}
		parts = append(parts, Input{Kind: "runs " + run.Kind, Name: name, Content: run.Text})
	}
	return parts
}

// RunInputs are the inputs that Inputs makes of runs.
func RunInputs(runs []Run) []Input { return runInputs(runs) }
