package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"gitops/ci/manifest"
)

const (
	service = "svc0500"
	newSHA  = "4f1c2d3e5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d"
	newRef  = "registry.example.com/owner/" + service + ":" + newSHA
	// yqVersion is installed when there is no yq of this kind in the path.
	yqVersion = "v4.53.6"
)

// Two styles of a service, ten lines each.
const (
	// articleStyle is how the article's manifest is written.
	articleStyle = `  svc%04d:
    # CI Pipeline will replace this tag
    image: registry.example.com/owner/svc%04d:e3f0aa13135961951248adc885193198ebc08b44 # Updated tag
    restart: always
    environment:
      - DOMAIN=${DOMAIN}
    labels:
      - "traefik.enable=true"
    networks: [web_net]

`
	// alignedStyle is how people write who align by hand.
	alignedStyle = `  svc%04d:   ### the service ###
    image:    registry.example.com/owner/svc%04d:e3f0aa13135961951248adc885193198ebc08b44   # Updated tag
    restart:  always
    environment:
    - DOMAIN=${DOMAIN}
    - NAME=x
    labels:   { traefik.enable: "true", tier: 'back' }
    networks: [ web_net ]


`
)

// largeManifest returns a compose file of about so many lines.
func largeManifest(style string, lines int) []byte {
	var b bytes.Buffer
	b.WriteString("# The application.\n\nservices:\n")
	for i := range max(lines/10, 501) {
		fmt.Fprintf(&b, style, i, i)
	}
	return b.Bytes()
}

// contender is one way of replacing an image in a file, in place.
type contender struct {
	name string
	args func(file string) []string
	skip string // why it cannot run
}

func benchBump(ctx context.Context, folder string, s size) error {
	contenders, err := bumpContenders(ctx, folder)
	if err != nil {
		return err
	}
	for _, style := range []struct{ name, text string }{{"in the article's style", articleStyle}, {"aligned by hand", alignedStyle}} {
		original := largeManifest(style.text, s.lines)
		fmt.Printf("\nBump of one image in a manifest of %d lines (%d bytes), %s, median of %d runs:\n\n",
			bytes.Count(original, []byte("\n")), len(original), style.name, s.runs)
		fmt.Println("| way | time | bytes changed | services that differ |\n|---|---|---|---|")
		if err := compete(ctx, folder, original, contenders, s.runs); err != nil {
			return err
		}
	}
	return nil
}

func compete(ctx context.Context, folder string, original []byte, contenders []contender, runs int) error {
	if err := inProcess(original, runs); err != nil {
		return err
	}
	for _, c := range contenders {
		if c.skip != "" {
			fmt.Printf("| %s | not run: %s | | |\n", c.name, c.skip)
			continue
		}
		if err := measure(ctx, folder, original, c, runs); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

func bumpContenders(ctx context.Context, folder string) ([]contender, error) {
	gitops := filepath.Join(folder, "gitops")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", gitops, "gitops/ci/cmd/gitops").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building gitops: %w: %s", err, out)
	}
	// The article's own command, for this service.
	script := fmt.Sprintf("s|image: .*/%s:.*|image: %s|g", service, newRef)
	all := []contender{
		{name: "`gitops bump`", args: func(file string) []string {
			return []string{gitops, "bump", "--manifest", file, "--image", service + "=" + newRef}
		}},
		{name: "`sed -i`, as in the article", args: func(file string) []string { return []string{"sed", "-i", script, file} }},
	}
	yq, err := findYQ(ctx, folder)
	if err != nil {
		return append(all, contender{name: "`yq -i`", skip: err.Error()}), nil //nolint:nilerr // the table says why
	}
	expression := fmt.Sprintf(".services.%s.image = %q", service, newRef)
	return append(all, contender{name: "`yq -i` " + yqVersion, args: func(file string) []string { return []string{yq, "-i", expression, file} }}), nil
}

// findYQ returns the yq that is written in Go, of a known version.
func findYQ(ctx context.Context, folder string) (string, error) {
	if path, err := exec.LookPath("yq"); err == nil {
		if out, err := exec.CommandContext(ctx, path, "--version").Output(); err == nil && strings.Contains(string(out), yqVersion) {
			return path, nil
		}
	}
	cmd := exec.CommandContext(ctx, "go", "install", "github.com/mikefarah/yq/v4@"+yqVersion)
	cmd.Dir, cmd.Env = folder, append(os.Environ(), "GOBIN="+folder, "GOFLAGS=-mod=mod")
	if out, err := cmd.CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return "", fmt.Errorf("it cannot be installed: %s", lines[len(lines)-1])
	}
	return filepath.Join(folder, "yq"), nil
}

func inProcess(original []byte, runs int) error {
	var times []time.Duration
	var rewritten []byte
	for range runs {
		begun := time.Now()
		var err error
		if rewritten, _, err = manifest.Bump(original, map[string]string{service: newRef}, manifest.Options{}); err != nil {
			return err
		}
		times = append(times, time.Since(begun))
	}
	return row("`manifest.Bump`, without starting a process", median(times), original, rewritten)
}

func measure(ctx context.Context, folder string, original []byte, c contender, runs int) error {
	file := filepath.Join(folder, "compose.yml")
	var times []time.Duration
	for range runs {
		if err := os.WriteFile(file, original, 0o644); err != nil {
			return err
		}
		args := c.args(file)
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		begun := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		times = append(times, time.Since(begun))
	}
	rewritten, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return row(c.name, median(times), original, rewritten)
}

func row(name string, took time.Duration, original, rewritten []byte) error {
	changed := bytesChanged(string(original), string(rewritten))
	differ, err := imagesChanged(original, rewritten)
	if err != nil {
		return err
	}
	fmt.Printf("| %s | %s | %d | %d |\n", name, milliseconds(took), changed, differ)
	return nil
}

// imagesChanged counts the services that run something else than before.
func imagesChanged(before, after []byte) (count int, err error) {
	a, errA := manifest.Images(before)
	b, errB := manifest.Images(after)
	for name, ref := range a {
		if b[name] != ref {
			count++
		}
	}
	return count, errors.Join(errA, errB)
}
