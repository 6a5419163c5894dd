package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"gitops/ci/progress"
)

// Document is a parsed manifest: one or more YAML documents in one file. It knows
// where things stand; what they mean is the compose package's.
type Document struct {
	file  string
	text  []byte
	roots []*yaml.Node // the root value of each YAML document
	sites map[*yaml.Node]*site

	defined map[string][]definition // what services returns
	own     map[ownName]definition  // of each document, whatever the others say
	reached map[*yaml.Node][]use    // what uses looks up
}

// Parse reads text, which errors call file. Text that is no YAML is refused as
// progress.Invalid, with line and column.
func Parse(text []byte, file string) (*Document, error) {
	m := &Document{file: file, text: text, sites: map[*yaml.Node]*site{}}
	if at := invalidUTF8(text); at >= 0 {
		line, column := position(text, at)
		return nil, progress.Invalid("%s:%d:%d: not UTF-8 text: save the manifest as UTF-8", file, line, column)
	}
	nodes, err := decode(text)
	if err == nil {
		err = checkValues(nodes)
	}
	if err != nil {
		line, column, problem := yamlProblem(text, err)
		return nil, progress.Invalid("%s:%d:%d: invalid YAML: %s", file, line, column, problem)
	}
	m.roots = roots(nodes)
	return m, nil
}

// decode returns the documents in text.
func decode(text []byte) (nodes []*yaml.Node, err error) {
	defer recoverInto(&err)
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var node yaml.Node
		if err := decoder.Decode(&node); errors.Is(err, io.EOF) {
			return nodes, nil
		} else if err != nil {
			return nil, err
		}
		spellOutMerges(&node)
		nodes = append(nodes, &node)
	}
}

// spellOutMerges turns `<<: *list`, where list is an anchored list of mappings,
// into `<<: [*first, *second]`. Compose accepts the first form, and the YAML
// library the second alone.
func spellOutMerges(node *yaml.Node) {
	for i, child := range node.Content {
		spellOutMerges(child)
		if node.Kind != yaml.MappingNode || i%2 == 0 || !isMerge(node.Content[i-1]) || child.Kind != yaml.AliasNode || child.Alias.Kind != yaml.SequenceNode {
			continue
		}
		list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: child.Line, Column: child.Column}
		for _, item := range child.Alias.Content {
			if item.Kind != yaml.AliasNode {
				item = &yaml.Node{Kind: yaml.AliasNode, Value: child.Value, Alias: item, Line: child.Line, Column: child.Column}
			}
			list.Content = append(list.Content, item)
		}
		node.Content[i] = list
	}
}

// checkValues finds what nodes alone do not show: duplicate keys, cycles and
// alias bombs.
func checkValues(nodes []*yaml.Node) (err error) {
	defer recoverInto(&err)
	for _, node := range nodes {
		var values any
		if err := node.Decode(&values); err != nil {
			return err
		}
	}
	return nil
}

// recoverInto makes an error of a panic: the parser has some on malformed input.
func recoverInto(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%v", r)
	}
}

// roots returns the root values of the documents.
func roots(nodes []*yaml.Node) (all []*yaml.Node) {
	for _, node := range nodes {
		if node.Kind == yaml.DocumentNode && len(node.Content) > 0 {
			all = append(all, node.Content[0])
		}
	}
	return all
}

var (
	yamlLine   = regexp.MustCompile(`^line (\d+): `)
	yamlAnchor = regexp.MustCompile(`^(unknown anchor|anchor) '(.+)' `)
)

// yamlProblem says what the parser's error is about and where: it reports a
// line at most, and for anchors only their names.
func yamlProblem(text []byte, err error) (line, column int, problem string) {
	problem = strings.TrimPrefix(err.Error(), "yaml: ")
	problem = strings.TrimPrefix(problem, "unmarshal errors:\n  ")
	if found := yamlLine.FindStringSubmatch(problem); found != nil {
		line, _ = strconv.Atoi(found[1])
		line, problem = brokenLine(text, line), problem[len(found[0]):]
		return line, firstColumn(text, line), problem
	}
	if found := yamlAnchor.FindStringSubmatch(problem); found != nil {
		sign := map[string]string{"anchor": "&", "unknown anchor": "*"}[found[1]]
		line, column = position(text, max(bytes.Index(text, []byte(sign+found[2])), 0))
		return line, column, problem
	}
	line = brokenLine(text, 1)
	return line, firstColumn(text, line), problem
}

func invalidUTF8(text []byte) int {
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size <= 1 {
			return at
		}
		at += size
	}
	return -1
}

// invalid returns an error at node's value.
func (m *Document) invalid(node *yaml.Node, format string, args ...any) error {
	return progress.Invalid("%s: %s", m.where(node), fmt.Sprintf(format, args...))
}

// where returns file:line:column of node's value.
func (m *Document) where(node *yaml.Node) string {
	line, column := node.Line, node.Column
	if at := m.valueOffset(node); at >= 0 {
		line, column = position(m.text, at)
	}
	return fmt.Sprintf("%s:%d:%d", m.file, line, column)
}
