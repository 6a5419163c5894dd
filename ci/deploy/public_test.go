package deploy_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"gopkg.in/yaml.v3"

	"gitops/ci/compose"
	"gitops/ci/deploy"
	"gitops/ci/images"
	"gitops/ci/secret"
)

// publicFolder has manifests in the shapes of public projects, see ci/compose.
const publicFolder = "../compose/testdata/public"

// usual are those that go test tries: the most different. GITOPS_MANIFESTS=all tries
// them all, as make test-manifests does.
var usual = []string{"configs-inline", "umami"}

// Public manifests are planned, deployed, deployed unchanged, changed and rolled
// back, and what the plan says is what happens.
func TestPublicManifests(t *testing.T) {
	if testing.Short() {
		t.Skip("needs more time than -short gives")
	}
	needsDocker(t)
	startTraefik(t)
	names := usual
	switch wanted := os.Getenv("GITOPS_MANIFESTS"); wanted {
	case "":
	case "all":
		names = publicNames(t)
	default:
		names = strings.Split(wanted, ",")
	}
	buildPublicImages(t)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			p := newPublic(t, name)
			p.first()
			p.again()
			p.change()
			p.back()
		})
	}
}

func publicNames(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(publicFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// startTraefik runs the real Traefik beside the tests, which asks the engine for
// routers as on a host.
func startTraefik(t *testing.T) {
	t.Helper()
	i := slices.IndexFunc(images.Records, func(r images.Record) bool { return strings.HasPrefix(r.Ref, "traefik:") })
	ref := images.Records[i].Ref
	if exec.Command("docker", "image", "inspect", ref).Run() != nil {
		if out, err := exec.Command("docker", "pull", "--quiet", ref).CombinedOutput(); err != nil {
			t.Skipf("needs the image %s: %s", ref, out)
		}
	}
	dynamic, err := filepath.Abs(filepath.Join(publicFolder, "traefik-tls/traefik/dynamic"))
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"run", "--detach", "--volume", "/var/run/docker.sock:/var/run/docker.sock:ro", "--volume", dynamic + ":/dynamic:ro", ref,
		"--providers.docker=true", "--providers.file.directory=/dynamic"}
	for name, address := range map[string]string{"web": ":80", "https": ":443", "ssh": ":22", "pg": ":5432", "dns": ":5353/udp"} {
		args = append(args, "--entrypoints."+name+".address="+address)
	}
	id := run(t, exec.Command("docker", args...))
	t.Cleanup(func() { exec.Command("docker", "rm", "--force", id).Run() })
}

// public is a public manifest on the host.
type public struct {
	*lab
	name   string
	source compose.Source
	jobs   []string // services that end
	old    bool     // see adapter
	// image is the service that gets another image, file the companion file that
	// changes, its users the services that use it.
	image, file string
	users       []string
}

func newPublic(t *testing.T, name string) *public {
	t.Helper()
	p := &public{lab: newLab(t), name: name}
	run(t, exec.Command("docker", "network", "create", p.network))
	out, _ := exec.Command("docker", "compose", "version", "--short").Output()
	var major, minor int
	fmt.Sscanf(strings.TrimPrefix(string(out), "v"), "%d.%d", &major, &minor)
	p.old = major == 2 && minor < 36
	p.source = readSource(t, filepath.Join(publicFolder, name))
	for _, s := range p.load(p.source).Project.Services {
		for other, dependency := range s.DependsOn {
			if dependency.Condition == types.ServiceConditionCompletedSuccessfully {
				p.jobs = append(p.jobs, other)
			}
		}
	}
	p.source = p.copy("", "")
	p.choose()
	return p
}

// readSource reads a folder of publicFolder.
func readSource(t *testing.T, folder string) compose.Source {
	t.Helper()
	s := compose.Source{Root: folder, Env: map[string]secret.Value{}}
	text, err := os.ReadFile(filepath.Join(folder, "source.yml"))
	if err == nil {
		err = yaml.Unmarshal(text, &s)
	}
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if s.Manifests == nil {
		s.Manifests = []string{"compose.yml"}
	}
	if values := filepath.Join(folder, "values.env"); exec.Command("test", "-e", values).Run() == nil {
		if s.Env, err = compose.EnvironmentFile(values); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (p *public) load(s compose.Source) *compose.Manifest {
	p.t.Helper()
	m, err := compose.Load(p.t.Context(), s)
	if err != nil {
		p.t.Fatal(err)
	}
	return m
}

// copy makes a repository with the manifest. The named service runs another image, the
// named file has a line more.
func (p *public) copy(service, file string) compose.Source {
	p.t.Helper()
	s := p.source
	s.Root = p.t.TempDir()
	if err := os.CopyFS(s.Root, os.DirFS(filepath.Join(publicFolder, p.name))); err != nil {
		p.t.Fatal(err)
	}
	a := adapter{lab: p.lab, old: p.old, images: map[string]string{}}
	for _, job := range p.jobs {
		a.images[job] = image("job")
	}
	if service != "" {
		a.images[service] = image("next")
	}
	a.adapt(s.Root)
	if file != "" {
		p.append(filepath.Join(s.Root, file), "\nADDED=line\n")
	}
	return s
}

func (p *public) append(file, line string) {
	p.t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, append(text, line...), 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// choose takes a service and a file that change: a service with a router, where one
// is, and a file that containers use.
func (p *public) choose() {
	m := p.load(p.source)
	for _, name := range m.Starts() {
		routed := strings.Contains(fmt.Sprint(m.Labels(name)), ".routers.")
		switch s := m.Project.Services[name]; {
		case s.Provider != nil, s.GetScale() == 0, slices.Contains(p.jobs, name), p.image != "" && !routed:
		default:
			p.image = name
		}
		if p.image == name && routed {
			break
		}
	}
	for _, f := range m.Files {
		if f.Use == compose.UseRead || p.file != "" {
			continue
		}
		p.file = f.Path
		if f.Folder {
			inside, err := m.Contents(f)
			inside = slices.DeleteFunc(inside, func(file string) bool { return slices.Contains(p.source.Manifests, file) })
			if err != nil || len(inside) == 0 {
				p.file = ""
				continue
			}
			p.file = inside[0]
		}
	}
	for _, f := range m.Files {
		if f.Use != compose.UseRead && (f.Path == p.file || f.Folder && (f.Path == "." || strings.HasPrefix(p.file, f.Path+"/"))) {
			p.users = append(p.users, f.Services...)
		}
	}
}

func (p *public) options(commit string, s compose.Source) deploy.Options {
	o := p.lab.options(commit, "")
	o.Source, o.Env, o.GateTimeout = s, s.Env, 2*time.Minute
	o.Drain = 2 * time.Second
	return o
}

// plan returns what a deploy would do with each service, and looks that it did
// nothing.
func (p *public) plan(o deploy.Options) map[string]string {
	p.t.Helper()
	before := p.identities()
	plan, err := deploy.Preview(context.Background(), p.client, o)
	if err != nil {
		p.t.Fatalf("planning: %v", err)
	}
	p.t.Logf("%s, plan for %s:\n%s", p.name, o.Commit[:1], plan)
	if after := p.identities(); after != before {
		p.t.Errorf("the plan touched something:\n%s\n%s", before, after)
	}
	planned := map[string]string{}
	for _, a := range plan.Services {
		planned[a.Service] = a.Action
	}
	return planned
}

// identities returns the project's containers, with when they started.
func (p *public) identities() string {
	return run(p.t, exec.Command("sh", "-c", `docker ps --all --quiet --no-trunc --filter "label=com.docker.compose.project=$1" |
xargs -r docker inspect --format '{{index .Config.Labels "com.docker.compose.service"}} {{.Id}} {{.State.StartedAt}}' | sort`, "ids", p.project))
}

// identity returns the lines of a service.
func (p *public) identity(service string) (lines string) {
	for line := range strings.Lines(p.identities()) {
		if strings.HasPrefix(line, service+" ") {
			lines += strings.TrimSpace(line) + "\n"
		}
	}
	return lines
}

func (p *public) first() {
	o := p.options(commitA, p.source)
	planned := p.plan(o)
	receipt := p.deploy(o)
	starts := p.load(p.source).Starts()
	for _, name := range starts {
		if planned[name] != deploy.Create {
			p.t.Errorf("the plan for %s: %q, want created", name, planned[name])
		}
	}
	if receipt.Outcome != deploy.Deployed {
		p.t.Errorf("outcome %s", receipt.Outcome)
	}
	p.complete(o)
}

// complete checks that each service has its containers and no more.
func (p *public) complete(o deploy.Options) {
	p.t.Helper()
	m := p.load(o.Source)
	for name, s := range m.Project.Services {
		want := s.GetScale()
		if s.Provider != nil {
			want = 0
		}
		if got := strings.Count(p.identity(name), "\n"); got != want {
			p.t.Errorf("%s has %d containers, want %d", name, got, want)
		}
	}
}

func (p *public) again() {
	o := p.options(commitA, p.copy("", ""))
	for name, action := range p.plan(o) {
		if action != deploy.Keep && action != deploy.Off {
			p.t.Errorf("the plan for %s without a change: %s", name, action)
		}
	}
	before := p.identities()
	if receipt := p.deploy(o); receipt.Outcome != deploy.Unchanged {
		p.t.Errorf("deployed again: %s, %s", receipt.Outcome, actions(receipt))
	}
	if after := p.identities(); after != before {
		p.t.Errorf("deployed again, it has\n%s\nand had\n%s", after, before)
	}
}

func (p *public) change() {
	o := p.options(commitB, p.copy(p.image, p.file))
	expected := p.affected(o)
	before, planned, watched := map[string]string{}, p.plan(o), p.watch()
	for name := range planned {
		before[name] = p.identity(name)
	}
	receipt := p.deploy(o)
	happened := watched()
	for name, action := range planned {
		changed := before[name] != p.identity(name)
		if changed != slices.Contains(expected, name) {
			p.t.Errorf("%s: changed is %t; image of %s, file %s of %v", name, changed, p.image, p.file, p.users)
		}
		if happened[name] != action && (action != deploy.Off || happened[name] != "") {
			p.t.Errorf("%s: the plan says %q, and it was %q", name, action, happened[name])
		}
	}
	if receipt.Outcome != deploy.Deployed {
		p.t.Errorf("changed: %s", receipt.Outcome)
	}
	p.complete(o)
	p.fileIs(o.Source)
}

// affected returns the services that have to change: those with the image or the
// file, and those that follow one of them.
func (p *public) affected(o deploy.Options) []string {
	all := append([]string{p.image}, p.users...)
	for again := true; again; {
		again = false
		for name, s := range p.load(o.Source).Project.Services {
			follows := slices.ContainsFunc(s.VolumesFrom, func(from string) bool { from, _, _ = strings.Cut(from, ":"); return slices.Contains(all, from) })
			for other, dependency := range s.DependsOn {
				follows = follows || dependency.Restart && slices.Contains(all, other)
			}
			other, lives := strings.CutPrefix(s.NetworkMode, "service:")
			if (follows || lives && slices.Contains(all, other)) && !slices.Contains(all, name) && s.GetScale() > 0 {
				all, again = append(all, name), true
			}
		}
	}
	return all
}

// watch sees what the engine does with the project's containers, and returns it in
// the words of the plan.
func (p *public) watch() func() map[string]string {
	var out strings.Builder
	events := exec.Command("docker", "events", "--filter", "label=com.docker.compose.project="+p.project, "--filter", "event=start", "--filter", "event=die",
		"--format", `{{index .Actor.Attributes "com.docker.compose.service"}} {{.Action}}`)
	events.Stdout = &out
	if err := events.Start(); err != nil {
		p.t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond) // until it listens
	return func() map[string]string {
		p.t.Helper()
		time.Sleep(500 * time.Millisecond)
		events.Process.Kill()
		events.Wait()
		happened := map[string]string{}
		for line := range strings.Lines(p.identities()) {
			happened[strings.Fields(line)[0]] = deploy.Keep
		}
		for line := range strings.Lines(out.String()) {
			words := strings.Fields(line)
			if happened[words[0]] != deploy.Keep {
				continue // the first event decides
			}
			happened[words[0]] = map[string]string{"start": deploy.Roll, "die": deploy.Recreate}[words[1]]
			if slices.Contains(p.jobs, words[0]) {
				happened[words[0]] = deploy.Recreate // the old one ended long ago
			}
		}
		return happened
	}
}

// fileIs checks that the containers that use the file see that of a source.
func (p *public) fileIs(s compose.Source) {
	p.t.Helper()
	if p.file == "" {
		return
	}
	want, err := os.ReadFile(filepath.Join(s.Root, p.file))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, user := range p.users {
		for id := range strings.FieldsSeq(p.containers(user)) {
			if !p.sees(id, string(want)) {
				p.t.Errorf("a container of %s does not have that %s", user, p.file)
			}
		}
	}
}

// sees reports whether a mount of a container has a file with the content.
func (p *public) sees(id, content string) (found bool) {
	mounts := run(p.t, exec.Command("docker", "inspect", "--format", `{{range .Mounts}}{{if eq .Type "bind"}}{{println .Source}}{{end}}{{end}}`, id))
	for mount := range strings.Lines(mounts) {
		if !strings.HasPrefix(mount, p.dir) {
			continue
		}
		filepath.WalkDir(strings.TrimSpace(mount), func(path string, entry os.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() {
				text, _ := os.ReadFile(path)
				found = found || string(text) == content
			}
			return nil
		})
	}
	return found
}

func (p *public) back() {
	o := p.options("", p.source)
	o.Source = compose.Source{}
	before := p.identities() + "\n"
	receipt, err := deploy.Rollback(context.Background(), p.client, deploy.RollbackOptions{Options: o})
	if err != nil || receipt.Outcome != deploy.Deployed || receipt.Commit != commitA {
		p.t.Fatalf("rolling back: %s to %s, %v", receipt.Outcome, receipt.Commit, err)
	}
	expected := p.affected(p.options(commitA, p.source))
	for _, name := range p.load(p.source).Starts() {
		changed := !strings.Contains(before, p.identity(name)) // both are sorted
		if changed != slices.Contains(expected, name) {
			p.t.Errorf("rolled back, %s: changed is %t", name, changed)
		}
	}
	for _, s := range p.status().Services {
		if s.Service == p.image && s.Ref != image("now") {
			p.t.Errorf("rolled back, %s runs %s", s.Service, s.Ref)
		}
	}
	p.complete(p.options(commitA, p.source))
	p.fileIs(p.source)
}
