package robot

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"gitops/ci/progress"
)

// tip is the newest commit of a branch, as far as the robot needs it.
type tip struct {
	commit  string
	parents []string
	files   map[string][]byte // the manifest and the file of values, by path
	folders map[string][]byte // tree objects on the way to them, by path; "." is the root
	spots   map[string]spot   // of files and folders in the trees that hold them, by path
}

// spot is where in the bytes of a tree the name of an object stands.
type spot struct{ start, end int }

// retryDepth is how much history a repeated fetch asks for: enough to see that
// the new tip grew out of the old one.
const retryDepth = 16

// fetch gets the tip of the target branch and what is on the way to its files.
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
	paths := []string{j.Manifest}
	if j.Values != "" {
		paths = append(paths, j.Values)
	}
	names, ways := []string{"refs/robot/tip", "refs/robot/tip^{tree}"}, onTheWay(paths)
	for _, way := range ways {
		names = append(names, "refs/robot/tip:"+way)
	}
	objects, err := j.git.objects(ctx, j.repo, names)
	if err != nil {
		return nil, fmt.Errorf("reading the tip of %s: %w", j.target, err)
	}
	t := &tip{
		commit: objects[0].name, parents: parents(objects[0].data),
		files: map[string][]byte{}, folders: map[string][]byte{".": objects[1].data}, spots: map[string]spot{},
	}
	for i, way := range ways {
		isFile := slices.Contains(paths, way)
		if err := t.add(way, objects[2+i].data, isFile); err != nil {
			return nil, progress.Invalid("%s on %s of %s: %w: give the path in the repository of the %s",
				way, j.target, j.RepoURL, err, j.word(way))
		}
	}
	return t, nil
}

// word is what messages call the file to which a path leads.
func (j *job) word(way string) string {
	if way == j.Manifest || strings.HasPrefix(j.Manifest, way+"/") {
		return "manifest"
	}
	return "file of values"
}

// onTheWay returns the paths of files and of their folders, a folder before what is in
// it.
func onTheWay(paths []string) (all []string) {
	for _, file := range paths {
		parts := strings.Split(file, "/")
		for i := range parts {
			if way := strings.Join(parts[:i+1], "/"); !slices.Contains(all, way) {
				all = append(all, way)
			}
		}
	}
	return all
}

// add notes a file or folder whose folder was added before.
func (t *tip) add(way string, data []byte, isFile bool) error {
	here, mode, err := find(t.folders[path.Dir(way)], path.Base(way), len(t.commit)/2)
	if err == nil {
		err = checkMode(mode, isFile)
	}
	if err != nil {
		return err
	}
	t.spots[way] = here
	if isFile {
		t.files[way] = slices.Concat([]byte{}, data)
	} else {
		t.folders[way] = data
	}
	return nil
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
func find(data []byte, name string, hashSize int) (spot, string, error) {
	for at := 0; at < len(data); {
		zero := bytes.IndexByte(data[at:], 0)
		if zero < 0 || at+zero+1+hashSize > len(data) {
			break
		}
		mode, entry, _ := strings.Cut(string(data[at:at+zero]), " ")
		start := at + zero + 1
		if entry == name {
			return spot{start, start + hashSize}, mode, nil
		}
		at = start + hashSize
	}
	return spot{}, "", fmt.Errorf("there is no such file")
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

// put writes the name of the object at a path into the tree that holds it.
func (t *tip) put(tree []byte, way, name string) error {
	raw, err := hex.DecodeString(name)
	at := t.spots[way]
	if err != nil || len(raw) != at.end-at.start {
		return fmt.Errorf("git named an object %q", name)
	}
	copy(tree[at.start:at.end], raw)
	return nil
}
