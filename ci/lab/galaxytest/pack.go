package galaxytest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
)

// collection is one version of a collection.
type collection struct {
	Namespace    string            `json:"namespace"`
	Name         string            `json:"name"`
	Version      string            `json:"version"`
	Dependencies map[string]string `json:"dependencies"`

	archive []byte
}

// file is the name of the archive.
func (c collection) file() string { return c.Namespace + "-" + c.Name + "-" + c.Version + ".tar.gz" }

// entry is what FILES.json says of a file or folder.
type entry struct {
	Name         string  `json:"name"`
	FType        string  `json:"ftype"`
	ChecksumType *string `json:"chksum_type"`
	Checksum     *string `json:"chksum_sha256"`
	Format       int     `json:"format"`
}

const (
	manifestFile = "MANIFEST.json"
	filesFile    = "FILES.json"
)

// pack returns the collection that is installed at dir in files.
func pack(files fs.FS, dir string) (collection, error) {
	var c collection
	tree, err := fs.Sub(files, dir)
	if err != nil {
		return c, err
	}
	content, err := fs.ReadFile(tree, manifestFile)
	if err != nil {
		return c, err
	}
	var manifest map[string]json.RawMessage
	if err := json.Unmarshal(content, &manifest); err != nil {
		return c, fmt.Errorf("reading %s/%s: %w", dir, manifestFile, err)
	}
	if err := json.Unmarshal(manifest["collection_info"], &c); err != nil {
		return c, fmt.Errorf("reading %s/%s: %w", dir, manifestFile, err)
	}
	c.archive, err = archive(tree, manifest)
	return c, err
}

// archive returns the gzipped tar archive of a collection: the manifest and the list of
// files first, as ansible-galaxy writes them.
func archive(tree fs.FS, manifest map[string]json.RawMessage) ([]byte, error) {
	entries, contents, err := list(tree)
	if err != nil {
		return nil, err
	}
	files, err := json.Marshal(map[string]any{"files": entries, "format": 1})
	if err != nil {
		return nil, err
	}
	if manifest["file_manifest_file"], err = json.Marshal(listed(filesFile, files)); err != nil {
		return nil, err
	}
	head, err := json.Marshal(manifest)
	if err != nil {
		return nil, err
	}
	contents[manifestFile], contents[filesFile] = head, files
	return write(append([]entry{{Name: manifestFile, FType: "file"}, {Name: filesFile, FType: "file"}}, entries...), contents)
}

// list returns what FILES.json has of the tree, and the content of each file.
func list(tree fs.FS) (entries []entry, contents map[string][]byte, err error) {
	contents = map[string][]byte{}
	err = fs.WalkDir(tree, ".", func(name string, found fs.DirEntry, err error) error {
		switch {
		case err != nil || name == manifestFile || name == filesFile:
			return err
		case found.IsDir():
			entries = append(entries, entry{Name: name, FType: "dir", Format: 1})
			return nil
		}
		if contents[name], err = fs.ReadFile(tree, name); err == nil {
			entries = append(entries, listed(name, contents[name]))
		}
		return err
	})
	return entries, contents, err
}

func listed(name string, content []byte) entry {
	kind, sum := "sha256", hash(content)
	return entry{Name: name, FType: "file", ChecksumType: &kind, Checksum: &sum, Format: 1}
}

func hash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// write writes the entries as a gzipped tar archive.
func write(entries []entry, contents map[string][]byte) ([]byte, error) {
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	for _, e := range entries {
		header := &tar.Header{Name: e.Name, Mode: 0o644, Size: int64(len(contents[e.Name]))}
		if e.FType == "dir" {
			header.Typeflag, header.Mode = tar.TypeDir, 0o755
		}
		if err := archive.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := archive.Write(contents[e.Name]); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	if err := zipped.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
