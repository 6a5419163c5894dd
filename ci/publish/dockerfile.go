package publish

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// baseLayers returns the layers, by the digest of their content, of the image
// that the service's last stage starts from; none for scratch.
func (p *publisher) baseLayers(ctx context.Context, s Service) ([]string, error) {
	content, err := os.ReadFile(s.dockerfile())
	if err != nil {
		return nil, err
	}
	base := baseImage(content, s.Target, s.Args)
	if base == "" {
		return nil, nil
	}
	out, err := p.docker(ctx, "image", "inspect", "--format", "{{json .RootFS.Layers}}", base)
	if err != nil {
		// BuildKit keeps what it pulls to itself.
		if _, err := p.docker(ctx, "pull", "--quiet", base); err != nil {
			return nil, fmt.Errorf("looking at the base image %s: %w", base, err)
		}
		if out, err = p.docker(ctx, "image", "inspect", "--format", "{{json .RootFS.Layers}}", base); err != nil {
			return nil, fmt.Errorf("looking at the base image %s: %w", base, err)
		}
	}
	var layers []string
	if err := json.Unmarshal([]byte(out), &layers); err != nil {
		return nil, fmt.Errorf("looking at the base image %s: %w", base, err)
	}
	return layers, nil
}

// baseImage returns the image that the target stage, or the last, starts from
// after following stages that start from others; empty for scratch.
func baseImage(dockerfile []byte, target string, args map[string]string) string {
	from, last := stages(dockerfile, args)
	current := strings.ToLower(target)
	if current == "" {
		current = last
	}
	base := ""
	// A stage can only start from an earlier one, so this ends.
	for range len(from) + 1 {
		next, known := from[strings.ToLower(current)]
		if !known {
			break
		}
		base, current = next, next
	}
	if strings.EqualFold(base, "scratch") {
		return ""
	}
	return base
}

// stages returns what each stage starts from, by its lower-case name, and the
// name of the last. Stages are also named by their number.
func stages(dockerfile []byte, args map[string]string) (from map[string]string, last string) {
	from, known := map[string]string{}, map[string]string{}
	number := 0
	for _, words := range instructions(dockerfile) {
		switch strings.ToUpper(words[0]) {
		case "ARG":
			if number == 0 {
				declare(known, args, words[1:])
			}
		case "FROM":
			words = withoutFlags(words[1:])
			if len(words) == 0 {
				continue
			}
			last = fmt.Sprint(number)
			number++
			from[last] = expandArgs(words[0], known)
			if len(words) == 3 && strings.EqualFold(words[1], "as") {
				from[strings.ToLower(words[2])] = from[last]
			}
		}
	}
	return from, last
}

// instructions returns the words of each instruction, without comments and with
// continued lines joined.
func instructions(dockerfile []byte) [][]string {
	var list [][]string
	var pending string
	for scanner := bufio.NewScanner(bytes.NewReader(dockerfile)); scanner.Scan(); {
		line := strings.TrimSpace(scanner.Text())
		if strings.HasPrefix(line, "#") {
			continue
		}
		joined, continued := strings.CutSuffix(line, `\`)
		pending += joined + " "
		if continued {
			continue
		}
		if words := strings.Fields(pending); len(words) > 0 {
			list = append(list, words)
		}
		pending = ""
	}
	return list
}

// declare takes in ARG instructions before the first stage.
func declare(known, args map[string]string, words []string) {
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		known[name] = strings.Trim(value, `"'`)
		if given, ok := args[name]; ok {
			known[name] = given
		}
	}
}

func withoutFlags(words []string) []string {
	for len(words) > 0 && strings.HasPrefix(words[0], "--") {
		words = words[1:]
	}
	return words
}

// expandArgs replaces $NAME, ${NAME} and ${NAME:-default}.
func expandArgs(text string, known map[string]string) string {
	return os.Expand(text, func(name string) string {
		name, otherwise, _ := strings.Cut(name, ":-")
		if value := known[name]; value != "" {
			return value
		}
		return otherwise
	})
}
