package lab_test

import (
	"archive/tar"
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"gitops/ci/images"
	"gitops/ci/lab"
	"gitops/ci/progress"
)

// trusting are images without authorities whose stand-ins have them: the lab's Debian
// trusts the authorities that were added to this machine, and passes them on.
var trusting = []string{images.Debian, images.DebianTesting, images.Node, postgresRef}

// TestStandInsHaveNothingBeyondTheRecord holds the images of the lab to ci/images: what
// works in a stand-in works in the image whose place it takes.
func TestStandInsHaveNothingBeyondTheRecord(t *testing.T) {
	needsDocker(t)
	docker, err := lab.OpenDocker(t.Context(), progress.NewProgress(t.Output()))
	if err != nil {
		t.Fatal(err)
	}
	defer docker.Close()
	for _, record := range images.Records {
		t.Run(record.Ref, func(t *testing.T) {
			switch err := docker.Provide(t.Context(), record.Ref); {
			case lab.NotAvailable(err):
				t.Skipf("needs a container registry: %v", err)
			case err != nil:
				t.Fatal(err)
			}
			checkConfiguration(t, record)
			checkContent(t, record)
		})
	}
}

func checkConfiguration(t *testing.T, record images.Record) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "docker", "image", "inspect", "--format", "{{json .Config}}", record.Ref).Output()
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		User       string
		Entrypoint []string
	}
	if err := json.Unmarshal(output, &config); err != nil {
		t.Fatal(err)
	}
	if config.User != record.User || !slices.Equal(config.Entrypoint, record.Entrypoint) {
		t.Errorf("user %q, entry point %q; the image has %q, %q", config.User, config.Entrypoint, record.User, record.Entrypoint)
	}
}

// checkContent looks at the files of the image, which need not run for that.
func checkContent(t *testing.T, record images.Record) {
	t.Helper()
	there := files(t, record.Ref)
	for path, recorded := range map[string]bool{
		"bin/sh": record.Shell, "tmp": record.Tmp,
		"etc/ssl/certs/ca-certificates.crt": record.Certificates != "" || slices.Contains(trusting, record.Ref),
	} {
		if there[path] && !recorded {
			t.Errorf("the stand-in has /%s, which the image has not", path)
		}
	}
	checkCollections(t, record, there)
	for _, program := range images.Telling {
		if _, recorded := record.Programs[program]; recorded {
			continue
		}
		for _, dir := range []string{"usr/local/sbin/", "usr/local/bin/", "usr/local/go/bin/", "sbin/", "bin/"} {
			if there[dir+program] {
				t.Errorf("the stand-in has /%s%s, and the image has no %s", dir, program, program)
			}
		}
	}
}

// checkCollections looks for Ansible's collections, wherever they are.
func checkCollections(t *testing.T, record images.Record, there map[string]bool) {
	t.Helper()
	for path := range there {
		_, below, inside := strings.Cut(path, "/ansible_collections/")
		parts := strings.Split(below, "/")
		if !inside || len(parts) != 3 || parts[2] != "MANIFEST.json" {
			continue
		}
		if name := parts[0] + "." + parts[1]; !slices.Contains(record.Collections, name) {
			t.Errorf("the stand-in has the collection %s in /%s, and the image has not", name, path)
		}
	}
}

// files returns the paths in an image, without the first slash. What is below /usr/bin
// and /usr/sbin counts as below /bin and /sbin, which are links to them.
func files(t *testing.T, ref string) map[string]bool {
	t.Helper()
	created, err := exec.CommandContext(t.Context(), "docker", "create", "--pull", "never", ref).Output()
	if err != nil {
		t.Fatalf("creating a container: %v", err)
	}
	container := strings.TrimSpace(string(created))
	defer exec.Command("docker", "rm", "--volumes", container).Run()
	export := exec.CommandContext(t.Context(), "docker", "export", container)
	content, err := export.StdoutPipe()
	if err == nil {
		err = export.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for archive := tar.NewReader(content); ; {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		name := strings.Trim(header.Name, "/")
		found[name] = true
		if below, links := strings.CutPrefix(name, "usr/"); links {
			found[below] = true
		}
	}
	if err := export.Wait(); err != nil {
		t.Fatal(err)
	}
	return found
}
