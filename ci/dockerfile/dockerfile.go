// Package dockerfile says which images a Dockerfile builds from. It reads the file
// with BuildKit's own parser.
package dockerfile

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// Build says how a Dockerfile is built.
type Build struct {
	// Target is the name or the number of a stage; the last when empty.
	Target string
	// Args are the build arguments.
	Args map[string]string
	// Platform is what is built for, as in "linux/arm64"; the builder's own when
	// empty, and then taken to be Linux on this machine's processor.
	Platform string
}

// Images are what a build starts from.
type Images struct {
	// Base is the image that the target starts from, after following stages that
	// start from others; empty for scratch.
	Base string
	// All are the images of every stage, and those that COPY --from and RUN
	// --mount take files from, in order of their names.
	All []string
}

// Read returns the images that a build of the file starts from. Errors say what is
// wrong with the file, with the line where the parser tells it.
func Read(file []byte, b Build) (Images, error) {
	parsed, err := parser.Parse(bytes.NewReader(file))
	if err != nil {
		return Images{}, err
	}
	r := reader{lex: shell.NewLex(parsed.EscapeToken), known: b.automatic()}
	for _, node := range parsed.AST.Children {
		if err := r.take(node, b.Args); err != nil {
			return Images{}, fmt.Errorf("line %d: %w", node.StartLine, err)
		}
	}
	base, err := r.base(b.Target)
	return Images{Base: base, All: r.images()}, err
}

// reader collects what the instructions say.
type reader struct {
	lex    *shell.Lex
	known  arguments // that FROM may use
	stages []stage
	// taken are the values of --from.
	taken []string
}

// stage is one FROM.
type stage struct {
	name string // in lower case; empty when it has none
	from string // an image, when parent is nil
	// parent is the earlier stage that it starts from.
	parent *stage
}

// take reads one instruction.
func (r *reader) take(node *parser.Node, given map[string]string) error {
	switch strings.ToLower(node.Value) {
	case "arg":
		if len(r.stages) == 0 {
			return r.declare(node, given)
		}
	case "from":
		return r.from(node)
	case "copy":
		r.taken = append(r.taken, flags(node, "--from=")...)
	case "run":
		for _, mount := range flags(node, "--mount=") {
			r.taken = append(r.taken, mountedFrom(mount)...)
		}
	}
	return nil
}

// declare takes in an ARG before the first stage.
func (r *reader) declare(node *parser.Node, given map[string]string) error {
	parsed, err := instructions.ParseInstruction(node)
	if err != nil {
		return err
	}
	for _, arg := range parsed.(*instructions.ArgCommand).Args {
		if value, ok := given[arg.Key]; ok {
			r.known[arg.Key] = value
			continue
		}
		if arg.Value == nil {
			continue
		}
		if r.known[arg.Key], _, err = r.lex.ProcessWord(*arg.Value, r.known); err != nil {
			return err
		}
	}
	return nil
}

// from begins a stage.
func (r *reader) from(node *parser.Node) error {
	parsed, err := instructions.ParseInstruction(node)
	if err != nil {
		return err
	}
	said := parsed.(*instructions.Stage)
	image, _, err := r.lex.ProcessWord(said.BaseName, r.known)
	if err != nil {
		return err
	}
	if image == "" {
		return fmt.Errorf("FROM %s names no image with these build arguments", said.BaseName)
	}
	r.stages = append(r.stages, stage{name: said.Name, from: image, parent: r.named(image)})
	return nil
}

// named returns the last stage of this name, nil when there is none.
func (r *reader) named(name string) *stage {
	for i := len(r.stages) - 1; i >= 0; i-- {
		if r.stages[i].name != "" && r.stages[i].name == strings.ToLower(name) {
			found := r.stages[i]
			return &found
		}
	}
	return nil
}

// numbered returns the stage of this number.
func (r *reader) numbered(text string) *stage {
	if number, err := strconv.Atoi(text); err == nil && number >= 0 && number < len(r.stages) {
		return &r.stages[number]
	}
	return nil
}

// base returns the image that target starts from.
func (r *reader) base(target string) (string, error) {
	if len(r.stages) == 0 {
		return "", fmt.Errorf("it has no FROM")
	}
	s := &r.stages[len(r.stages)-1]
	if target != "" {
		if s = r.named(target); s == nil {
			s = r.numbered(target)
		}
		if s == nil {
			return "", fmt.Errorf("it has no stage %q", target)
		}
	}
	for s.parent != nil {
		s = s.parent
	}
	if isScratch(s.from) {
		return "", nil
	}
	return s.from, nil
}

// images returns every image by its name.
func (r *reader) images() (refs []string) {
	for _, s := range r.stages {
		if s.parent == nil {
			refs = append(refs, s.from)
		}
	}
	for _, name := range r.taken {
		if r.named(name) == nil && r.numbered(name) == nil {
			refs = append(refs, name)
		}
	}
	slices.Sort(refs)
	return slices.Compact(slices.DeleteFunc(refs, isScratch))
}

func isScratch(image string) bool { return image == "scratch" }
