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

// document is a parsed manifest: one or more YAML documents in one file.
type document struct {
	file  string
	text  []byte
	roots []*yaml.Node // the root value of each YAML document
	sites map[*yaml.Node]*site

	defined map[string][]*yaml.Node // what services returns
	reached map[*yaml.Node][]use    // what uses looks up
}

// parse reads text, refusing what a compose implementation would refuse.
func parse(text []byte, file string) (*document, error) {
	m := &document{file: file, text: text, sites: map[*yaml.Node]*site{}}
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
		nodes = append(nodes, &node)
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
		return line, firstColumn(text, line), problem[len(found[0]):]
	}
	if found := yamlAnchor.FindStringSubmatch(problem); found != nil {
		sign := map[string]string{"anchor": "&", "unknown anchor": "*"}[found[1]]
		line, column = position(text, max(bytes.Index(text, []byte(sign+found[2])), 0))
		return line, column, problem
	}
	return 1, firstColumn(text, 1), problem
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
func (m *document) invalid(node *yaml.Node, format string, args ...any) error {
	return progress.Invalid("%s: %s", m.where(node), fmt.Sprintf(format, args...))
}

// where returns file:line:column of node's value.
func (m *document) where(node *yaml.Node) string {
	line, column := node.Line, node.Column
	if at := m.valueOffset(node); at >= 0 {
		line, column = position(m.text, at)
	}
	return fmt.Sprintf("%s:%d:%d", m.file, line, column)
}
