package lab

import (
	"archive/tar"
	"bytes"
	"context"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// The Dockerfiles of the stand-ins (images) and of the base images that no
// registry can give (bases), so that the command needs no checkout.
//
//go:embed images bases
var files embed.FS

// recipe is an image to build: a folder of files with a Dockerfile, what else
// its context needs, and its build arguments.
type recipe struct {
	dir  string // in files
	args map[string]string
	key  string // stands for the inputs that are not files
	// fetch makes the rest of the context: names in it, each with a file or
	// folder on this machine. It may be nil.
	fetch func(ctx context.Context) (map[string]string, error)
}

// labelKey is the label with the key of the inputs that an image was built from.
const labelKey = "gitops.lab.key"

// inputs returns the key of everything that the image is made from.
func (r recipe) inputs() (string, error) {
	inputs := []string{r.dir, r.key}
	for _, name := range sortedKeys(r.args) {
		inputs = append(inputs, name, r.args[name])
	}
	err := fs.WalkDir(files, r.dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := files.ReadFile(name)
		inputs = append(inputs, name, string(content))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", r.dir, err)
	}
	return key(inputs...), nil
}

// build builds the image ref unless the store has it from the same inputs. It
// returns the image's ID.
func (d *Docker) build(ctx context.Context, ref string, r recipe, labels ...string) (id string, err error) {
	inputs, err := r.inputs()
	if err != nil {
		return "", err
	}
	if have, err := d.built(ctx, ref, inputs); err != nil || have != "" {
		return have, err
	}
	// Another lab may be building the same image: one builds it, all use it.
	held, err := lockPath(ctx, filepath.Join(d.cache.dir, "build-"+key(ref)+".lock"))
	if err != nil {
		return "", err
	}
	defer held.release()
	if have, err := d.built(ctx, ref, inputs); err != nil || have != "" {
		return have, err
	}
	var extra map[string]string
	if r.fetch != nil {
		if extra, err = r.fetch(ctx); err != nil {
			return "", fmt.Errorf("building image %s: %w", ref, err)
		}
	}
	if err := d.building.Acquire(ctx, 1); err != nil {
		return "", err
	}
	defer d.building.Release(1)
	end := d.progress.Start("building image " + ref)
	id, err = d.buildImage(ctx, ref, r, extra, append(labels, labelKey+"="+inputs))
	end(err)
	return id, err
}

// built returns the ID of the image ref if it was built from these inputs.
func (d *Docker) built(ctx context.Context, ref, inputs string) (id string, err error) {
	have, err := d.inspect(ctx, ref)
	if err != nil || have == nil || have.Labels[labelKey] != inputs {
		return "", err
	}
	return have.ID, nil
}

func (d *Docker) buildImage(ctx context.Context, ref string, r recipe, extra map[string]string, labels []string) (string, error) {
	args := []string{"build", "--quiet", "--force-rm", "--tag", ref}
	for _, label := range labels {
		args = append(args, "--label", label)
	}
	for _, name := range sortedKeys(r.args) {
		args = append(args, "--build-arg", name+"="+r.args[name])
	}
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(r.writeContext(writer, extra)) }()
	defer reader.Close()
	before, err := d.inspect(ctx, ref)
	if err != nil {
		return "", err
	}
	id, err := d.must(ctx, command{args: append(args, "-"), stdin: reader})
	if err != nil {
		return "", fmt.Errorf("building image %s: %w", ref, err)
	}
	if before != nil && before.ID != id && before.Labels[labelKey] != "" {
		// The image of older inputs goes, unless a container still uses it.
		_, _ = d.call(ctx, command{args: []string{"rmi", before.ID}})
	}
	return id, nil
}

// writeContext writes the build context as a tar archive.
func (r recipe) writeContext(w io.Writer, extra map[string]string) error {
	archive := tar.NewWriter(w)
	err := fs.WalkDir(files, r.dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		return addBytes(archive, strings.TrimPrefix(name, r.dir+"/"), content)
	})
	for _, name := range sortedKeys(extra) {
		if err == nil {
			err = addTree(archive, name, extra[name])
		}
	}
	if err == nil {
		err = archive.Close()
	}
	return err
}

// addBytes adds a file. Embedding drops modes, so scripts are known by their
// first line.
func addBytes(archive *tar.Writer, name string, content []byte) error {
	header := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}
	if bytes.HasPrefix(content, []byte("#!")) {
		header.Mode = 0o755
	}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := archive.Write(content)
	return err
}

// addTree adds the file or folder at source under name.
func addTree(archive *tar.Writer, name, source string) error {
	return filepath.WalkDir(source, func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(source, at)
		if err != nil {
			return err
		}
		return addPath(archive, path.Join(name, filepath.ToSlash(inside)), at, entry)
	})
}

func addPath(archive *tar.Writer, name, source string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	var link string
	if info.Mode()&fs.ModeSymlink != 0 {
		if link, err = os.Readlink(source); err != nil {
			return err
		}
	}
	header, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	header.Name, header.Uid, header.Gid, header.Uname, header.Gname = name, 0, 0, "", ""
	header.Mode = mode(name, info)
	if err := archive.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
		return err
	}
	file, err := os.Open(source)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(archive, file)
	return err
}

// mode returns the mode of a file in the context. Go's module cache takes the
// executable bits from a toolchain's programs; they get them back here.
func mode(name string, info fs.FileInfo) int64 {
	parts := strings.Split(name, "/")
	if info.IsDir() || info.Mode()&0o111 != 0 || slices.Contains(parts, "bin") || slices.Contains(parts, "tool") {
		return 0o755
	}
	return 0o644
}

// sortedKeys returns the keys of m in an order that does not change.
func sortedKeys(m map[string]string) []string {
	return slices.Sorted(maps.Keys(m))
}
