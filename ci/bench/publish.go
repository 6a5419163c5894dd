package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	server "github.com/google/go-containerregistry/pkg/registry"

	"gitops/ci/images"
	"gitops/ci/lab"
	"gitops/ci/progress"
	"gitops/ci/publish"
)

// benchPublish builds the application's two services with a plain Docker engine,
// alone and together, each time with nothing in the builder's cache but the bases,
// and then publishes again what has not changed.
func benchPublish(ctx context.Context, folder string, s size) (err error) {
	if !lab.DockerAnswers(ctx) {
		fmt.Println("\npublish: not measured, no Docker engine answers (run it inside go run ./ci/cmd/rehearse with-docker -- …)")
		return nil
	}
	d, err := lab.OpenDocker(ctx, progress.NewProgress(os.Stderr))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := d.Provide(ctx, images.Go, images.Node, images.Nginx); err != nil {
		return err
	}
	syft, err := lab.Tool(ctx, lab.Syft, progress.NewProgress(os.Stderr))
	if err != nil {
		return err
	}
	os.Setenv("PATH", syft+string(os.PathListSeparator)+os.Getenv("PATH"))
	b := &publishBench{folder: folder}
	web := httptest.NewServer(server.New(server.Logger(log.New(io.Discard, "", 0)), server.WithReferrersSupport(true)))
	defer web.Close()
	b.registry = strings.TrimPrefix(web.URL, "http://")
	if err := b.cold(ctx, s.builds); err != nil {
		return err
	}
	return b.warm(ctx, s.runs)
}

type publishBench struct {
	folder, registry string
	runs             int
}

// services copies the application, with a mark where the first layer of each
// service's build begins: no engine has built it before.
func (b *publishBench) services(ctx context.Context, names ...string) (publish.Options, error) {
	b.runs++
	mark := fmt.Sprintf("bench %d of %d", b.runs, time.Now().UnixNano())
	o := publish.Options{Tag: fmt.Sprintf("%040x", time.Now().UnixNano()), Created: time.Now(), SourceURL: "https://example.com/app.git"}
	for _, name := range names {
		dir := filepath.Join(b.folder, fmt.Sprintf("%s-%d", name, b.runs))
		if err := makeService(ctx, name, dir, mark); err != nil {
			return o, err
		}
		o.Services = append(o.Services, publish.Service{Name: name, Context: dir, Image: b.registry + "/" + name})
	}
	return o, nil
}

// waiting is a service whose build waits, as one that downloads, and computes nothing.
const waiting = "FROM " + images.Node + "\nCOPY mark /\nRUN sleep 20\n"

func makeService(ctx context.Context, name, dir, mark string) error {
	if strings.HasPrefix(name, "waiting") {
		return errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(waiting), 0o644),
			os.WriteFile(filepath.Join(dir, "mark"), []byte(name+mark), 0o644))
	}
	if out, err := exec.CommandContext(ctx, "cp", "-r", "app/"+name, dir).CombinedOutput(); err != nil {
		return fmt.Errorf("copying the application: %w: %s", err, out)
	}
	if name == "backend" {
		return replaceIn(filepath.Join(dir, "go.mod"), "module ", "// "+mark+"\nmodule ")
	}
	return replaceIn(filepath.Join(dir, "package.json"), "{\n", "{\n  \"description\": \""+mark+"\",\n")
}

func replaceIn(file, old, new string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !strings.Contains(string(text), old) {
		return fmt.Errorf("%s has no %q to put a mark at", file, old)
	}
	return os.WriteFile(file, []byte(strings.Replace(string(text), old, new, 1)), 0o644)
}

// cold measures two services at once beside each alone, in turns: the application's,
// whose builds compute, and two whose builds wait.
func (b *publishBench) cold(ctx context.Context, runs int) error {
	measured := map[string][]cost{}
	for range runs {
		for _, names := range [][]string{{"backend"}, {"frontend"}, {"backend", "frontend"}, {"waiting-1"}, {"waiting-2"}, {"waiting-1", "waiting-2"}} {
			o, err := b.services(ctx, names...)
			if err != nil {
				return err
			}
			c, err := costOf(func() error { _, err := publish.Publish(ctx, o); return err })
			if err != nil {
				return err
			}
			measured[strings.Join(names, " and ")] = append(measured[strings.Join(names, " and ")], c)
		}
	}
	fmt.Printf("\npublish, cold cache, median of %d runs in turns; bill of materials and provenance included:\n\n", runs)
	fmt.Printf("| built | wall time | over the slower alone | processors at work |\n|---|---|---|---|\n")
	reportPair(measured, "backend", "frontend")
	reportPair(measured, "waiting-1", "waiting-2")
	return nil
}

// reportPair prints two services, alone and together, and how fast this machine could at
// best do what both take.
func reportPair(measured map[string][]cost, one, other string) {
	first, second, both := middle(measured[one]), middle(measured[other]), middle(measured[one+" and "+other])
	slower := max(first.wall, second.wall)
	row := func(name string, c cost) {
		fmt.Printf("| %s | %.1f s | %.2f | %.1f of %d |\n", name, c.wall.Seconds(), c.wall.Seconds()/slower.Seconds(), c.worked.Seconds()/c.wall.Seconds(), runtime.NumCPU())
	}
	row(one+" alone", first)
	row(other+" alone", second)
	row("both", both)
	best := max(slower, (first.worked+second.worked)/time.Duration(runtime.NumCPU()))
	row("both, at best with so many processors", cost{best, first.worked + second.worked})
}

// warm measures what has not changed: the same commit again, and a later commit.
func (b *publishBench) warm(ctx context.Context, runs int) error {
	o, err := b.services(ctx, "backend", "frontend")
	if err != nil {
		return err
	}
	refs, err := publish.Publish(ctx, o)
	if err != nil {
		return err
	}
	fmt.Printf("\npublish, nothing changed, median of %d runs:\n\n| | seconds | bytes pushed |\n|---|---|---|\n", runs)
	var first int64
	for _, ref := range refs {
		first += ref.Bytes
	}
	fmt.Printf("| the first time, for comparison | | %d |\n", first)
	if err := b.again(ctx, "the same commit again", o, runs); err != nil {
		return err
	}
	for i, ref := range refs {
		o.Services[i].Previous = ref.Ref
	}
	return b.again(ctx, "a later commit: tagged again", o, runs)
}

func (b *publishBench) again(ctx context.Context, what string, o publish.Options, runs int) error {
	var times []time.Duration
	var bytes []int64
	for range runs {
		if o.Services[0].Previous != "" {
			o.Tag = fmt.Sprintf("%040x", time.Now().UnixNano())
		}
		begun := time.Now()
		refs, err := publish.Publish(ctx, o)
		if err != nil {
			return err
		}
		times = append(times, time.Since(begun))
		var sent int64
		for _, ref := range refs {
			if !ref.Reused {
				return fmt.Errorf("%s was built although nothing changed", ref.Service)
			}
			sent += ref.Bytes
		}
		bytes = append(bytes, sent)
	}
	slices.Sort(bytes)
	fmt.Printf("| %s | %.3f | %d |\n", what, median(times).Seconds(), bytes[len(bytes)/2])
	return nil
}
