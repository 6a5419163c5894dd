// Package dockerfile reads out of a Dockerfile which images it starts from. It is
// no parser of all that a Dockerfile can say: that is the builder's.
package dockerfile

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Base returns the image that the target stage, or the last, starts from
// after following stages that start from others; empty for scratch.
func Base(dockerfile []byte, target string, args map[string]string) string {
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

// Images returns every image that a stage starts from, in order of their
// names.
func Images(dockerfile []byte, args map[string]string) []string {
	from, _ := stages(dockerfile, args)
	var refs []string
	for _, ref := range from {
		start, stage := from[strings.ToLower(ref)]
		if isImage := !stage || start == ref; isImage && ref != "" && !strings.EqualFold(ref, "scratch") {
			refs = append(refs, ref)
		}
	}
	slices.Sort(refs)
	return slices.Compact(refs)
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
