package robot

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"
)

// commit writes the rewritten manifest as a child of t and returns its name.
func (j *job) commit(ctx context.Context, t *tip, rewritten []byte) (string, error) {
	name, err := j.store(ctx, "blob", rewritten)
	for i := len(t.trees) - 1; i >= 0 && err == nil; i-- {
		var data []byte
		if data, err = t.trees[i].with(name); err == nil {
			name, err = j.store(ctx, "tree", data)
		}
	}
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
