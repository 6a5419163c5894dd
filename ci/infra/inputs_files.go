package infra

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// files are the files that decide: those that Terraform reads by itself, and those that
// they name, in or beside the configuration. A file counts as named when its name, or
// that of a folder that it is in, is in a text of the configuration or of a file that
// counts, such as the script of a provisioner: reading too much is right, a script that
// is not read would be an open door. What nothing names, a report or another plan, makes
// no difference, and neither does what Terraform writes.
func (c *reading) files() ([]Input, error) {
	var parts []Input
	var text bytes.Buffer
	for _, file := range c.sources {
		if c.modules.inside(file.module) {
			parts = append(parts, Input{Kind: InputConfiguration, Name: c.relative(file.path), Content: hashBytes(file.content)})
		}
		text.Write(file.content)
		text.WriteByte('\n')
	}
	roots := c.roots()
	candidates, err := c.candidates(roots)
	if err != nil {
		return nil, err
	}
	for _, path := range c.closure(text.Bytes(), candidates) {
		parts = append(parts, Input{Kind: InputFile, Name: c.relative(path), Content: hashFile(path)})
	}
	for _, path := range c.outside(roots) {
		parts = append(parts, Input{Kind: InputFile, Name: c.relative(path), Content: hashTree(path)})
	}
	return parts, nil
}

// roots are the folders of the root module and of its local modules.
func (c *reading) roots() []string {
	var roots []string
	for _, m := range c.modules {
		if c.modules.inside(m) && !slices.Contains(roots, m.Dir) {
			roots = append(roots, m.Dir)
		}
	}
	return roots
}

// ignored are folders and files that Terraform and git write.
func ignored(name string, isDir bool) bool {
	if isDir {
		return name == ".git" || name == ".terraform" || name == "terraform.tfstate.d" || name == "node_modules"
	}
	return name == lockFile || strings.Contains(name, ".tfstate") || name == "crash.log" || isConfiguration(name) ||
		strings.HasSuffix(name, ".tfvars") || strings.HasSuffix(name, ".tfvars.json")
}

// maxFiles bounds how many files of a configuration are looked at.
const maxFiles = 20000

func (c *reading) candidates(roots []string) ([]string, error) {
	seen := map[string]bool{}
	var all []string
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case path != root && entry.IsDir() && ignored(entry.Name(), true):
				return filepath.SkipDir
			case entry.IsDir() || ignored(entry.Name(), false) || seen[path] || c.generated[path]:
				return nil
			case len(all) == maxFiles:
				return filepath.SkipAll
			}
			seen[path] = true
			all = append(all, path)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(all)
	return all, nil
}

var word = regexp.MustCompile(`[A-Za-z0-9_][A-Za-z0-9_.-]*|\.[A-Za-z0-9_.-]+`)

// closure are the candidates that text names, and those that they name in turn.
func (c *reading) closure(text []byte, candidates []string) []string {
	named, left := newWordSet(), slices.Clone(candidates)
	if c.readsAnything() {
		return left
	}
	named.add(text)
	var found []string
	for again := true; again; {
		again = false
		for i := 0; i < len(left); i++ {
			if !named.has(c.relative(left[i])) {
				continue
			}
			found, again = append(found, left[i]), true
			named.add(beginning(left[i]))
			left = slices.Delete(left, i, i+1)
			i--
		}
	}
	slices.Sort(found)
	return found
}

// readsAnything reports whether a function that reads files may read any: its argument
// is a whole folder.
func (c *reading) readsAnything() bool {
	return slices.ContainsFunc(c.named, func(r reference) bool {
		path := resolve(c.dir, r.text)
		return r.reads && (path == c.dir || path == r.module.Dir)
	})
}

// wordSet are the words of texts, and the beginnings and ends of words with a part that
// is known only to Terraform, such as ${var.name}.json.
type wordSet struct {
	words        map[string]bool
	begins, ends map[string]bool
}

func newWordSet() wordSet { return wordSet{map[string]bool{}, map[string]bool{}, map[string]bool{}} }

func (n wordSet) add(text []byte) {
	for _, at := range word.FindAllIndex(text, -1) {
		found := string(text[at[0]:at[1]])
		before, after := bytes.TrimRight(text[:at[0]], `"`), text[at[1]:]
		open := len(before) > 0 && (before[len(before)-1] == '}' || before[len(before)-1] == '*')
		switch {
		case open && len(found) > 2:
			n.ends[found] = true
		case bytes.HasPrefix(after, []byte("${")) || bytes.HasPrefix(after, []byte("*")):
			n.begins[found] = true
		}
		n.words[strings.Trim(found, ".")] = true
	}
}

// has reports whether a path is named: by its name, or by that of one of its folders.
func (n wordSet) has(path string) bool {
	parts := strings.Split(path, "/")
	if slices.ContainsFunc(parts, func(part string) bool { return n.words[strings.Trim(part, ".")] && part != ".." }) {
		return true
	}
	name := parts[len(parts)-1]
	for end := range n.ends {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	for begin := range n.begins {
		if strings.HasPrefix(name, begin) {
			return true
		}
	}
	return false
}

// outside are the files beside the configuration that it names: as the argument of a
// function that reads files, or by a path that leads out of it.
func (c *reading) outside(roots []string) []string {
	var found []string
	for _, r := range c.named {
		texts := []string{r.text}
		if !r.reads {
			texts = strings.FieldsFunc(r.text, func(letter rune) bool { return strings.ContainsRune(" \t\n\"'`;|&<>()=,", letter) })
		}
		for _, text := range texts {
			if !r.reads && !strings.Contains(text, "../") || text == "" {
				continue
			}
			path := resolve(c.dir, text)
			inRoots := slices.ContainsFunc(roots, func(root string) bool { return path == root || strings.HasPrefix(path, root+"/") })
			if _, err := os.Stat(path); err == nil && !inRoots && !c.generated[path] && !c.isModule(path) && !slices.Contains(found, path) {
				found = append(found, path)
			}
		}
	}
	slices.Sort(found)
	return found
}

func (c *reading) isModule(path string) bool {
	return slices.ContainsFunc(c.modules, func(m module) bool { return path == m.Dir || strings.HasPrefix(path, m.Dir+"/") })
}

// beginning is as much of a file as is searched for names of other files: nothing of
// what is no text.
func beginning(path string) []byte {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	content, _ := io.ReadAll(io.LimitReader(file, 1<<20))
	if bytes.IndexByte(content, 0) >= 0 {
		return nil
	}
	return content
}

func hashBytes(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// hashFile is the hash of a file's content; of what cannot be read, it says that.
func hashFile(path string) string {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return "not readable"
	}
	file, err := os.Open(path)
	if err != nil {
		return "not readable"
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "not readable"
	}
	// A script that can no longer be run is another one.
	return hex.EncodeToString(sum.Sum(nil)) + map[bool]string{true: " executable"}[info.Mode()&0o100 != 0]
}

// hashTree is the hash of all files in a folder, or of one file.
func hashTree(dir string) string {
	sum := sha256.New()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path != dir && ignored(entry.Name(), true) {
				return filepath.SkipDir
			}
			return nil
		}
		relative, _ := filepath.Rel(dir, path)
		_, err = io.WriteString(sum, relative+"\n"+hashFile(path)+"\n")
		return err
	})
	if err != nil {
		return "not readable"
	}
	return hex.EncodeToString(sum.Sum(nil))
}
