package robot

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"gitops/ci/progress"
)

// tip is the newest commit of a branch, as far as the robot needs it.
type tip struct {
	commit  string
	parents []string
	trees   []tree // from the root to the folder of the manifest
	text    []byte // the manifest
}

// tree is a folder: its bytes, and where in them the name of the next object
// on the way to the manifest stands.
type tree struct {
	data       []byte
	start, end int
}

// retryDepth is how much history a repeated fetch asks for: enough to see that
// the new tip grew out of the old one.
const retryDepth = 16

// fetch gets the tip of the target branch and what is on the way to the manifest.
func (j *job) fetch(ctx context.Context) (*tip, error) {
	depth := 1
	if j.result.Attempts > 1 {
		depth = retryDepth
	}
	_, err := j.git.run(ctx, j.repo, nil, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules",
		"--depth="+strconv.Itoa(depth), "--end-of-options", j.RepoURL, "+refs/heads/"+j.target+":refs/robot/tip")
	if err != nil {
		return nil, j.git.remoteError(ctx, err, "fetching "+j.target+" of "+j.RepoURL, j.RepoURL, j.target)
	}
	return j.readTip(ctx)
}

func (j *job) readTip(ctx context.Context) (*tip, error) {
	names := []string{"refs/robot/tip", "refs/robot/tip^{tree}"}
	parts := strings.Split(j.Manifest, "/")
	for i := range parts {
		names = append(names, "refs/robot/tip:"+strings.Join(parts[:i+1], "/"))
	}
	objects, err := j.git.objects(ctx, j.repo, names)
	if err != nil {
		return nil, fmt.Errorf("reading the tip of %s: %w", j.target, err)
	}
	t := &tip{commit: objects[0].name, parents: parents(objects[0].data)}
	hashSize := len(t.commit) / 2
	for i, part := range parts {
		here, mode, err := find(objects[1+i].data, part, hashSize)
		if err == nil {
			err = checkMode(mode, i == len(parts)-1)
		}
		if err != nil {
			return nil, progress.Invalid("%s on %s of %s: %w: give the manifest's path in the repository",
				strings.Join(parts[:i+1], "/"), j.target, j.RepoURL, err)
		}
		t.trees = append(t.trees, here)
	}
	t.text = objects[len(objects)-1].data
	return t, nil
}

// object is one answer of git cat-file.
type object struct {
	name, kind string // the kind is empty when there is no such object
	data       []byte
}

// objects reads several objects with one process.
func (g *git) objects(ctx context.Context, dir string, names []string) ([]object, error) {
	out, err := g.run(ctx, dir, []byte(strings.Join(names, "\n")+"\n"), "cat-file", "--batch")
	if err != nil {
		return nil, err
	}
	found := make([]object, 0, len(names))
	for range names {
		header, rest, _ := bytes.Cut(out, []byte("\n"))
		fields := strings.Fields(string(header))
		if len(fields) != 3 {
			found, out = append(found, object{}), rest // "<name> missing"
			continue
		}
		size, err := strconv.Atoi(fields[2])
		if err != nil || size >= len(rest) {
			return nil, fmt.Errorf("git cat-file: cannot understand %q", header)
		}
		found = append(found, object{fields[0], fields[1], rest[:size]})
		out = rest[size+1:]
	}
	return found, nil
}

// parents returns the parents that a commit object names.
func parents(commit []byte) (all []string) {
	for line := range strings.Lines(string(commit)) {
		if line == "\n" {
			break
		}
		if parent, ok := strings.CutPrefix(line, "parent "); ok {
			all = append(all, strings.TrimSpace(parent))
		}
	}
	return all
}

// find looks for a name among a tree object's entries: "mode name\0" and the
// object's name in bytes.
func find(data []byte, name string, hashSize int) (tree, string, error) {
	for at := 0; at < len(data); {
		zero := bytes.IndexByte(data[at:], 0)
		if zero < 0 || at+zero+1+hashSize > len(data) {
			break
		}
		mode, entry, _ := strings.Cut(string(data[at:at+zero]), " ")
		start := at + zero + 1
		if entry == name {
			return tree{data, start, start + hashSize}, mode, nil
		}
		at = start + hashSize
	}
	return tree{}, "", fmt.Errorf("there is no such file")
}

func checkMode(mode string, last bool) error {
	isFolder := mode == "40000" || mode == "040000"
	switch {
	case mode == "120000":
		return fmt.Errorf("it is a symbolic link")
	case mode == "160000":
		return fmt.Errorf("it is a submodule, its own repository")
	case last && isFolder:
		return fmt.Errorf("it is a folder")
	case !last && !isFolder:
		return fmt.Errorf("it is a file, not a folder")
	}
	return nil
}

// with returns the tree with another object on the way to the manifest.
func (t tree) with(name string) ([]byte, error) {
	raw, err := hex.DecodeString(name)
	if err != nil || len(raw) != t.end-t.start {
		return nil, fmt.Errorf("git named an object %q", name)
	}
	return bytes.Join([][]byte{t.data[:t.start], raw, t.data[t.end:]}, nil), nil
}
