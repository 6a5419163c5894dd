package review

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	"gitops/ci/secret"
)

// leaf is the smallest thing that a change does: to one attribute, or to one part of
// an attribute that is a map or a list.
type leaf struct {
	path    string
	form    any  // what happens, canonical
	unknown bool // known after apply
	// place is where it is known after apply: its path, or the list of several elements
	// that it is in, whose order may be known after apply too.
	place string
	// marked is sensitive to Terraform, and hidden has a secret that the run knows: the
	// value is not shown, and its hash needs a key.
	marked, hidden bool
	name           string // the attribute; empty for what is about the whole change
}

// node is a place in the trees of a change. The shown trees are those of the plan
// that people read.
type node struct {
	before, after           any
	unknown                 any
	beforeMarks, afterMarks any
	shownBefore, shownAfter any
}

func (n node) at(key string) node {
	return node{at(n.before, key), at(n.after, key), at(n.unknown, key), at(n.beforeMarks, key), at(n.afterMarks, key), at(n.shownBefore, key), at(n.shownAfter, key)}
}

func (n node) nth(i int) node {
	return node{nth(n.before, i), nth(n.after, i), nth(n.unknown, i), nth(n.beforeMarks, i), nth(n.afterMarks, i), nth(n.shownBefore, i), nth(n.shownAfter, i)}
}

// made is the node without what was there before.
func (n node) made() node {
	n.before, n.beforeMarks, n.shownBefore = nil, nil, nil
	return n
}

// unchanged reports whether nothing happens at n.
func (n node) unchanged() bool {
	return !anyTrue(n.unknown) && alike(n.before, n.after) && sameMarks(n.beforeMarks, n.afterMarks)
}

func sameMarks(a, b any) bool { return !anyTrue(a) && !anyTrue(b) || alike(pruned(a), pruned(b)) }

// pruned is marks without those that mark nothing.
func pruned(marks any) any {
	if !anyTrue(marks) {
		return nil
	}
	switch marks := marks.(type) {
	case map[string]any:
		kept := map[string]any{}
		for key, mark := range marks {
			kept[key] = pruned(mark)
		}
		return kept
	case []any:
		kept := make([]any, len(marks))
		for i, mark := range marks {
			kept[i] = pruned(mark)
		}
		return kept
	}
	return marks
}

// uncovered reports whether marks do not fit the list that they are of: then the
// whole list counts as marked.
func uncovered(value, marks any) bool {
	list, _ := value.([]any)
	parts, is := marks.([]any)
	return is && len(parts) > 0 && len(list) != len(parts)
}

// walk collects the leaves at n. Of a value that is known after apply, what was there
// before is left out: it says nothing about what will be, and may change by itself.
func (n node) walk(path, name string, leaves []leaf) []leaf {
	switch {
	case n.unchanged():
		return leaves
	case n.unknown == true:
		return append(leaves, leaf{path: path, name: name, unknown: true, place: path, form: []any{"unknown"}})
	case n.beforeMarks == true || n.afterMarks == true || uncovered(n.before, n.beforeMarks) || uncovered(n.after, n.afterMarks):
		return append(leaves, n.whole(path, name))
	}
	after, before := shapeOf(n.after, n.unknown), shapeOf(n.before, nil)
	switch {
	case after == "map" && before != "list" && before != "scalar" && n.readable():
		return n.walkMap(path, name, leaves)
	case after == "list" && before != "map" && before != "scalar":
		return n.walkList(path, name, leaves)
	}
	return append(leaves, n.whole(path, name))
}

// shapeOf is the kind of a value, which may be known by its marks alone.
func shapeOf(value, unknown any) string {
	switch value.(type) {
	case map[string]any:
		return "map"
	case []any:
		return "list"
	case nil:
		if anyTrue(unknown) {
			return shapeOf(unknown, nil)
		}
		return ""
	}
	return "scalar"
}

// readable reports whether the names in a map are shown as they are: a path may not
// hold a secret.
func (n node) readable() bool {
	return readable(n.before, n.shownBefore) && readable(n.after, n.shownAfter)
}

func readable(value, shown any) bool {
	fields, _ := value.(map[string]any)
	visible, is := shown.(map[string]any)
	for key := range fields {
		if _, there := visible[key]; is && !there || strings.Contains(key, secret.Redacted) {
			return false
		}
	}
	return is || len(fields) == 0
}

func (n node) walkMap(path, name string, leaves []leaf) []leaf {
	keys := map[string]bool{}
	for _, tree := range []any{n.before, n.after, n.unknown} {
		fields, _ := tree.(map[string]any)
		for key := range fields {
			keys[key] = true
		}
	}
	if len(keys) == 0 {
		return append(leaves, n.whole(path, name))
	}
	for _, key := range sorted(keys) {
		part := name
		if name == "" {
			part = key
		}
		leaves = n.at(key).walk(join(path, key), part, leaves)
	}
	return leaves
}

// walkList goes into the one element of a list that had one. Of longer lists, what
// was there before stays whole: an index does not say which element is meant.
func (n node) walkList(path, name string, leaves []leaf) []leaf {
	before, _ := n.before.([]any)
	after, _ := n.after.([]any)
	unknown, _ := n.unknown.([]any)
	length := max(len(after), len(unknown))
	if length == 0 {
		return append(leaves, n.whole(path, name))
	}
	if len(before) == 1 && length == 1 {
		return n.nth(0).walk(path+"[0]", name, leaves)
	}
	if len(before) > 0 {
		old := node{before: n.before, beforeMarks: n.beforeMarks, shownBefore: n.shownBefore}
		leaves = append(leaves, old.whole(path+"#before", name))
	}
	begin := len(leaves)
	for i := range length {
		element, at := n.nth(i).made(), path+"["+strconv.Itoa(i)+"]"
		if element.unchanged() {
			leaves = append(leaves, element.whole(at, name)) // a null has a place too
			continue
		}
		leaves = element.walk(at, name, leaves)
	}
	for i := begin; i < len(leaves) && length > 1; i++ {
		if leaves[i].place != "" {
			leaves[i].place = path
		}
	}
	return leaves
}

// whole is n as one leaf.
func (n node) whole(path, name string) leaf {
	l := leaf{
		path: path, name: name, form: []any{canonical(n.before, nil), canonical(n.after, n.unknown)},
		marked: anyTrue(n.beforeMarks) || anyTrue(n.afterMarks),
		hidden: concealed(n.before, n.shownBefore) || concealed(n.after, n.shownAfter),
	}
	if anyTrue(n.unknown) {
		l.place = path
	}
	return l
}

// concealed reports whether people are not shown value as it is.
func concealed(value, shown any) bool { return !alike(value, shown) || redacted(value) }

// redacted reports whether a value has something in a secret's place already.
func redacted(value any) bool {
	switch value := value.(type) {
	case string:
		return strings.Contains(value, secret.Redacted)
	case []any:
		return slices.ContainsFunc(value, redacted)
	case map[string]any:
		for key, part := range value {
			if redacted(key) || redacted(part) {
				return true
			}
		}
	}
	return false
}

// join writes the path of an entry of a map.
func join(path, key string) string {
	if strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" || key == "" {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func sorted(set map[string]bool) []string {
	all := make([]string, 0, len(set))
	for key := range set {
		all = append(all, key)
	}
	sort.Strings(all)
	return all
}

// under reports whether path is place or a part of it.
func under(path, place string) bool {
	rest, is := strings.CutPrefix(path, place)
	return is && (rest == "" || strings.ContainsRune(".[#", rune(rest[0])))
}
