package manifest

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkBump bumps one image in a manifest of 10,000 lines.
func BenchmarkBump(b *testing.B) {
	var text strings.Builder
	text.WriteString("services:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "  s%d:\n    # comment\n    image: owner/s%d:old # keep\n    restart: always\n    environment:\n      - A=${A}\n"+
			"    labels:\n      - \"traefik.enable=true\"\n    networks: [web_net]\n\n", i, i)
	}
	original := []byte(text.String())
	for b.Loop() {
		if _, changes, err := Bump(original, map[string]string{"s500": "owner/s500:new"}, Options{}); err != nil || len(changes) != 1 {
			b.Fatal(changes, err)
		}
	}
}
