package robot

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// commit writes the rewritten files as a child of t and returns its name.
func (j *job) commit(ctx context.Context, t *tip, rewritten map[string][]byte) (string, error) {
	name, err := j.tree(ctx, t, ".", rewritten)
	if err != nil {
		return "", fmt.Errorf("writing the commit: %w", err)
	}
	message, err := j.message(j.result.Changes)
	if err != nil {
		return "", err
	}
	data, err := j.commitObject(name, t.commit, message, time.Now())
	if err != nil {
		return "", err
	}
	if name, err = j.store(ctx, "commit", data); err != nil {
		return "", fmt.Errorf("writing the commit: %w", err)
	}
	return name, nil
}

// tree writes the folder at a path of t with the rewritten files, and returns its name.
func (j *job) tree(ctx context.Context, t *tip, folder string, rewritten map[string][]byte) (string, error) {
	data := bytes.Clone(t.folders[folder])
	for _, way := range slices.Sorted(maps.Keys(t.spots)) {
		if path.Dir(way) != folder {
			continue
		}
		name, err := "", error(nil)
		switch text, isChanged := rewritten[way]; {
		case isChanged:
			name, err = j.store(ctx, "blob", text)
		case t.folders[way] != nil && leadsTo(way, rewritten):
			name, err = j.tree(ctx, t, way, rewritten)
		default:
			continue
		}
		if err == nil {
			err = t.put(data, way, name)
		}
		if err != nil {
			return "", err
		}
	}
	return j.store(ctx, "tree", data)
}

// leadsTo reports whether one of the files is in the folder.
func leadsTo(folder string, files map[string][]byte) bool {
	for file := range files {
		if strings.HasPrefix(file, folder+"/") {
			return true
		}
	}
	return false
}

// store writes an object byte for byte, past filters and line ending settings.
func (j *job) store(ctx context.Context, kind string, data []byte) (string, error) {
	args := []string{"hash-object", "-t", kind, "-w", "--stdin"}
	if kind == "blob" {
		args = append(args, "--no-filters")
	}
	return j.git.text(ctx, j.repo, data, args...)
}

// commitObject returns the bytes of a commit, signed if there is a key.
func (j *job) commitObject(tree, parent, message string, now time.Time) ([]byte, error) {
	var head bytes.Buffer
	who := fmt.Sprintf("%s <%s> %d +0000", j.AuthorName, j.AuthorEmail, now.Unix())
	fmt.Fprintf(&head, "tree %s\nparent %s\nauthor %s\ncommitter %s\n", tree, parent, who, who)
	if j.SignKey.Empty() {
		return fmt.Appendf(head.Bytes(), "\n%s", message), nil
	}
	signature, err := sign(j.SignKey.Reveal(), fmt.Appendf(bytes.Clone(head.Bytes()), "\n%s", message))
	if err != nil {
		return nil, err
	}
	field := "gpgsig"
	if len(parent) == 64 {
		field = "gpgsig-sha256"
	}
	folded := strings.ReplaceAll(strings.TrimRight(signature, "\n"), "\n", "\n ")
	return fmt.Appendf(head.Bytes(), "%s %s\n\n%s", field, folded, message), nil
}
