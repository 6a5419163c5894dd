package deploy_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"gitops/ci/deploy"
	"gitops/ci/lab/registrytest"
	"gitops/ci/registry"
	"gitops/ci/secret"
)

const registryPassword = "planted-registry-password"

// push puts a local image into the registry and returns its ref by digest. The
// engine does not get to know the ref.
func push(t *testing.T, local, ref string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "image.tar")
	run(t, exec.Command("docker", "save", "--output", file, local))
	img, err := tarball.ImageFromPath(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	auth := remote.WithAuth(&authn.Basic{Username: "robot", Password: registryPassword})
	if err := remote.Write(tag, img, auth); err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return ref + "@" + digest.String()
}

func TestSecretsStayWhereTheyBelong(t *testing.T) {
	l := newLab(t)
	address := registrytest.Debian(t, registryPassword)
	refs := []string{push(t, image("v1"), address+"/team/web:"+commitA), push(t, image("v2"), address+"/team/web:"+commitB)}
	t.Cleanup(func() {
		for _, ref := range refs {
			exec.Command("docker", "image", "rm", strings.Replace(ref, ":"+commitA, "", 1), strings.Replace(ref, ":"+commitB, "", 1)).Run()
		}
	})
	options := l.options(commitA, l.manifest(refs[0]))
	options.Logins = []registry.Login{{Host: address, Username: "robot", Password: secret.New(registryPassword)}}
	secrets := []string{"planted-secret-1", registryPassword, base64.StdEncoding.EncodeToString([]byte("robot:" + registryPassword))}

	stop, seen := make(chan struct{}), make(chan string)
	go func() { seen <- watchProcesses(secrets, 5*time.Millisecond, stop) }()
	first := l.deploy(options)
	options.Commit, options.Source, options.Keep = commitB, source(t, l.manifest(refs[1])), 1
	second := l.deploy(options)
	crash := l.options(commitC, l.manifest(image("crash")))
	crash.Restarts, crash.Logins = 1, options.Logins
	failed, err := deploy.Deploy(context.Background(), l.client, crash)
	if err == nil {
		t.Fatal("the crashing image was deployed")
	}
	close(stop)
	if line := <-seen; line != "" {
		t.Errorf("a process list showed a secret: %s", line)
	}

	receipts, err2 := json.Marshal([]deploy.Receipt{first, second, failed})
	if err2 != nil {
		t.Fatal(err2)
	}
	for where, text := range map[string]string{"receipts": string(receipts), "progress": l.log.String(), "error": err.Error()} {
		scan(t, where, []byte(text), secrets)
	}
	for _, dir := range []string{l.dir, "/dev/shm", filepath.Join(l.sshd.Home, ".docker")} {
		if files := scanFiles(t, dir, secrets); files == 0 && dir == l.dir {
			t.Errorf("no file of %s was looked at", dir)
		}
	}
	l.scanContainers(secrets[1:])
	if web := second.Services[1].After; web.Digest == "" || !strings.Contains(refs[1], strings.Split(web.Digest, "@")[1]) {
		t.Errorf("the receipt has %+v, want the digest of %s", web, refs[1])
	}
	if out, err := exec.Command("docker", "image", "inspect", refs[0]).CombinedOutput(); err == nil || !strings.Contains(strings.ToLower(string(out)), "no such image") {
		t.Errorf("the image of the release that was pruned: %v\n%s", err, out)
	}
	if exec.Command("docker", "image", "inspect", image("v1")).Run() != nil {
		t.Error("an image that we did not bring was removed")
	}
}

// scanContainers looks for secrets in what the engine tells of the project's
// containers. A container's own environment has the values that the manifest
// gives it: that is Compose's way, and the only place.
func (l *lab) scanContainers(secrets []string) {
	l.t.Helper()
	ids := strings.Fields(run(l.t, exec.Command("docker", "ps", "-aq", "--filter", "label=com.docker.compose.project="+l.project)))
	out := run(l.t, exec.Command("docker", append([]string{"inspect"}, ids...)...))
	scan(l.t, "container metadata", []byte(out), secrets)
	format := `{{json .Config.Labels}}{{json .Config.Cmd}}{{json .Args}}{{json .Mounts}}`
	out = run(l.t, exec.Command("docker", append([]string{"inspect", "--format", format}, ids...)...))
	scan(l.t, "container metadata without environment", []byte(out), append(secrets, "planted-secret-1"))
}

func scan(t *testing.T, where string, content []byte, secrets []string) {
	t.Helper()
	for _, s := range secrets {
		if bytes.Contains(content, []byte(s)) {
			t.Errorf("%s has a secret (%s…)", where, s[:9])
		}
	}
}

// scanFiles returns how many files it looked at. Files of others come and go, and
// may be closed to this user.
func scanFiles(t *testing.T, dir string, secrets []string) (files int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return ignoreOthers(err)
		}
		content, err := os.ReadFile(path)
		if err == nil {
			files++
			scan(t, path, content, secrets)
		}
		return ignoreOthers(err)
	})
	if err != nil {
		t.Error(err)
	}
	return files
}

func ignoreOthers(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// watchProcesses reads the command lines of all processes until stop, and
// returns one that has a secret.
func watchProcesses(secrets []string, every time.Duration, stop <-chan struct{}) string {
	found, samples := "", 0
	for {
		select {
		case <-stop:
			if samples < 10 {
				return fmt.Sprintf("only %d samples were taken", samples)
			}
			return found
		case <-time.After(every):
		}
		samples++
		files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, file := range files {
			content, _ := os.ReadFile(file)
			for _, s := range secrets {
				if bytes.Contains(content, []byte(s)) {
					found = string(bytes.ReplaceAll(content, []byte{0}, []byte(" ")))
				}
			}
		}
	}
}

func TestWrongRegistryPasswordStopsNothing(t *testing.T) {
	l := newLab(t)
	address := registrytest.Debian(t, registryPassword)
	l.deploy(l.options(commitA, l.manifest(image("v1"))))
	options := l.options(commitB, l.manifest(address+"/team/web:"+commitB))
	options.Logins = []registry.Login{{Host: address, Username: "robot", Password: secret.New("wrong-registry-password")}}
	receipt, err := deploy.Deploy(context.Background(), l.client, options)
	if err == nil || receipt.Outcome != deploy.Untouched || !strings.Contains(err.Error(), "logging in to "+address) {
		t.Errorf("outcome %s, error %v", receipt.Outcome, err)
	}
	l.runs(image("v1"))
	if left := l.leftovers(); left != "" {
		t.Errorf("left behind: %s", left)
	}
}
