package manifest

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// sample is a generated manifest: text with slots where image scalars stand.
// What Bump must return is known exactly: the same pieces with other values.
type sample struct {
	pieces   []piece
	slots    []slot
	services map[string]int // service → its slot
	prefix   string
	newline  string
	trim     bool // no line break at the end
}

type piece struct {
	text string
	slot int // -1 for plain text
}

type slot struct{ quote, image string }

func (s *sample) text(text string)   { s.pieces = append(s.pieces, piece{text, -1}) }
func (s *sample) image(slot int)     { s.pieces = append(s.pieces, piece{"", slot}) }
func (s *sample) add(v slot) (n int) { s.slots = append(s.slots, v); return len(s.slots) - 1 }

// render writes the manifest with the images that values gives, by slot.
func (s *sample) render(values map[int]string) string {
	var b strings.Builder
	for _, p := range s.pieces {
		if p.slot < 0 {
			b.WriteString(p.text)
			continue
		}
		image := s.slots[p.slot].image
		if v, ok := values[p.slot]; ok {
			image = v
		}
		b.WriteString(s.slots[p.slot].quote + image + s.slots[p.slot].quote)
	}
	text := b.String()
	if s.trim {
		text = strings.TrimRight(text, "\n")
	}
	return s.prefix + strings.ReplaceAll(text, "\n", s.newline)
}

func pick(r *rand.Rand, options ...string) string { return options[r.IntN(len(options))] }

func randomRef(r *rand.Rand) string {
	ref := pick(r, "", "", "ghcr.io/", "registry.local:5000/") + pick(r, "owner/", "a/b/", "") + pick(r, "backend", "web-1", "x_y", "nginx")
	if r.IntN(4) > 0 {
		ref += pick(r, ":v1.2", ":latest", fmt.Sprintf(":%040x", r.Uint64()))
	}
	if r.IntN(3) == 0 {
		ref += "@sha256:" + strings.Repeat(fmt.Sprintf("%016x", r.Uint64()), 4)
	}
	return ref
}

// generate builds a manifest of one or two documents in a random style.
func generate(r *rand.Rand) *sample {
	s := &sample{services: map[string]int{}, trim: r.IntN(3) == 0,
		prefix: pick(r, "", "", "\xef\xbb\xbf"), newline: pick(r, "\n", "\n", "\r\n", "\r")}
	for d := range 1 + r.IntN(2) {
		if d > 0 || r.IntN(3) == 0 {
			s.text("---" + pick(r, "\n", " # document\n"))
		}
		s.document(r, d)
	}
	return s
}

func (s *sample) document(r *rand.Rand, d int) {
	noise(s, r, "")
	var shared []int
	for i := range r.IntN(3) { // images defined once, under extension keys
		n := s.add(slot{pick(r, "", `"`, "'"), randomRef(r)})
		shared = append(shared, n)
		s.text(fmt.Sprintf("x-image-%d: &i%d_%d ", i, d, n))
		s.image(n)
		s.text(pick(r, "\n", " # é\t世\n"))
	}
	base := -1
	if r.IntN(2) == 0 {
		base = s.add(slot{"", randomRef(r)})
		s.text(fmt.Sprintf("x-base: &base%d\n  restart: always\n  image: ", d))
		s.image(base)
		s.text("\n")
	}
	s.text(pick(r, "services:", `"services":`) + pick(r, "\n", "   # the services\n"))
	for i := range 1 + r.IntN(4) {
		s.service(r, d, fmt.Sprintf("s%d-%d", d, i), shared, base)
	}
	s.text("networks: { image: {} }\n")
}

func (s *sample) service(r *rand.Rand, d int, name string, shared []int, base int) {
	indent := strings.Repeat(" ", 4)
	noise(s, r, "  ")
	switch style := r.IntN(5); {
	case style == 0 && base >= 0:
		s.services[name] = base
		s.text(fmt.Sprintf("  %s:\n%s<<: *base%d\n%scommand: [image, 'x']\n", name, indent, d, indent))
	case style == 1 && len(shared) > 0:
		n := shared[r.IntN(len(shared))]
		s.services[name] = n
		s.text(fmt.Sprintf("  %s:\n%simage: *i%d_%d\n", name, indent, d, n))
	case style == 2:
		n := s.add(slot{pick(r, "", `"`, "'"), randomRef(r)})
		s.services[name] = n
		s.text("  " + name + ": {" + pick(r, "", `"世界": "ü", `, "labels: {image: a/b}, ") + pick(r, "image: ", `"image": `, "image:   "))
		s.image(n)
		s.text(pick(r, "}", " }", ", restart: always}") + pick(r, "\n", " # }\n"))
	case style == 3:
		n := s.add(slot{"", randomRef(r)})
		s.services[name] = n
		s.text("  '" + name + "':\n" + indent + "image: " + pick(r, ">-", "|-", "|", ">") + "\n" + indent + "  ")
		s.image(n)
		s.text("\n" + indent + "restart: always\n")
	default:
		n := s.add(slot{pick(r, "", "", `"`, "'"), randomRef(r)})
		s.services[name] = n
		s.text("  " + name + ":\n")
		noise(s, r, indent)
		s.text(indent + pick(r, "image: ", "image:  ", `"image": `, "image: !!str ", "image: &"+name+" ", "image:\n"+indent+"  "))
		s.image(n)
		s.text(pick(r, "\n", "  \n", " # image: a/b:c\n", "\t# tab\tbed\n"))
		s.text(indent + "environment: [image=owner/backend:v1.2]\n")
	}
}

// noise adds lines that mean nothing.
func noise(s *sample, r *rand.Rand, indent string) {
	for range r.IntN(3) {
		s.text(pick(r, "\n", indent+"# image: owner/backend:latest\n", indent+"# grüße 世界 🚀\t\n", "# at the margin\n", indent+"#\n"))
	}
}

// ask asks for some services' images; it returns them by service and by slot,
// and whether every service that shares a slot asks for the same.
func (s *sample) ask(r *rand.Rand) (images map[string]string, values map[int]string, agreed bool) {
	images, values, agreed = map[string]string{}, map[int]string{}, true
	for name, slot := range s.services {
		if r.IntN(2) == 0 {
			continue
		}
		ref, ok := values[slot]
		if !ok || r.IntN(8) == 0 {
			ref = randomRef(r)
		}
		agreed = agreed && (!ok || ref == values[slot])
		images[name], values[slot] = ref, ref
	}
	for name, slot := range s.services {
		if _, asked := images[name]; !asked && values[slot] != "" {
			agreed = false
		}
	}
	return images, values, agreed
}

// TestProperty bumps generated manifests: the difference is inside the asked
// scalars, and parsing before and after differs only there.
func TestProperty(t *testing.T) {
	bumped, refused := 0, 0
	for seed := range uint64(4000) {
		r := rand.New(rand.NewPCG(seed, 7))
		s := generate(r)
		images, values, agreed := s.ask(r)
		if len(images) == 0 {
			continue
		}
		before, want := s.render(nil), s.render(values)
		got, _, err := Bump([]byte(before), images, Options{})
		switch {
		case !agreed && err == nil:
			t.Fatalf("seed %d: shared images that disagree were bumped: %v\n%s", seed, images, before)
		case !agreed:
			refused++
		case err != nil:
			t.Fatalf("seed %d: %v\n%s", seed, err, before)
		case string(got) != want:
			t.Fatalf("seed %d: %v\nbefore:\n%s\ngot:\n%s\nwant:\n%s", seed, images, before, got, want)
		default:
			bumped++
			if _, err := plainValues(before); err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, before)
			}
			sameButFor(t, before, string(got), images)
		}
	}
	if bumped < 1000 || refused < 100 {
		t.Errorf("%d manifests bumped, %d refused: the generator lost its variety", bumped, refused)
	}
}

// sameButFor compares plain values, with the code under test out of the way.
func sameButFor(t *testing.T, before, after string, images map[string]string) {
	t.Helper()
	a, errA := plainValues(before)
	b, errB := plainValues(after)
	if fmt.Sprint(errA) != fmt.Sprint(errB) {
		t.Errorf("parsing gives %v before and %v after\nbefore:\n%s\nafter:\n%s", errA, errB, before, after)
	}
	takeImages(a, images)
	for name, image := range takeImages(b, images) {
		if strings.TrimSpace(image) != images[name] {
			t.Errorf("%s runs %q, want %q", name, image, images[name])
		}
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("parsing differs outside the asked images\nbefore:\n%s\nafter:\n%s", before, after)
	}
}

// takeImages removes the asked images, and the extension keys, under which
// shared images are defined.
func takeImages(docs []map[string]any, asked map[string]string) map[string]string {
	taken := map[string]string{}
	for _, doc := range docs {
		maps.DeleteFunc(doc, func(key string, _ any) bool { return strings.HasPrefix(key, "x-") })
		services, _ := doc["services"].(map[string]any)
		for name := range asked {
			service, _ := services[name].(map[string]any)
			if image, ok := service["image"].(string); ok {
				taken[name] = image // of the last document that has one, as compose merges them
				delete(service, "image")
			}
		}
	}
	return taken
}

// plainValues returns the values of every document, up to one that has none: of keys
// that are there twice, for example.
func plainValues(text string) (docs []map[string]any, err error) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var doc any
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return docs, err
		}
		named, ok := stringKeys(doc).(map[string]any)
		if !ok {
			named = map[string]any{"not a mapping": doc}
		}
		docs = append(docs, named)
	}
}

// stringKeys makes values comparable: mappings with other keys than text get
// keys that are text.
func stringKeys(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			v[key] = stringKeys(v[key])
		}
	case map[any]any:
		named := map[string]any{}
		for key, item := range v {
			name, ok := key.(string)
			if !ok {
				name = fmt.Sprintf("%T %v", key, key)
			}
			named[name] = stringKeys(item)
		}
		return named
	case []any:
		for i := range v {
			v[i] = stringKeys(v[i])
		}
	case float64:
		return fmt.Sprint(v) // not a number equals not even itself
	}
	return value
}
