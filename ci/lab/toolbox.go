package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"gitops/ci/images"
)

// toolboxImage has every program that the tests use.
const toolboxImage = "gitops-lab/toolbox:local"

// toolboxHome holds what programs leave in a home folder, and goes with the container.
const toolboxHome = "/home/toolbox"

// Terraform is Terraform's program, which needs nothing beside it.
var Terraform = Program{images.Terraform, "/bin/terraform"}

// HasToolbox reports whether commands can run in the toolbox: the engine is not one
// that a lab started, and shares this machine's files and processes.
func (d *Docker) HasToolbox(ctx context.Context) bool {
	socket, err := d.socket(ctx)
	return err == nil && socket != "" && d.hold == nil && runtime.GOOS == "linux"
}

// socket returns the path of the engine's socket; empty means that the engine is
// reached otherwise.
func (d *Docker) socket(ctx context.Context) (string, error) {
	host, err := d.do(ctx, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
	path, local := strings.CutPrefix(host, "unix://")
	if !local {
		path = ""
	}
	return path, err
}

// Toolbox returns the command line that runs a command in a container with every
// program that the tests use. The container has this machine's network and
// processes, because tests and stand-ins reach each other on the loopback address
// and tell by its process whether a lab is still in use. At the same paths it has
// the repository, /tmp, and the caches of Go and of the lab.
func (d *Docker) Toolbox(ctx context.Context, args []string) ([]string, error) {
	cache, err := openCache("")
	if err != nil {
		return nil, err
	}
	d.cache = cache
	if err := d.buildToolbox(ctx); err != nil {
		return nil, fmt.Errorf("making the toolbox: %w", err)
	}
	options := []string{
		"run", "--rm", "--interactive", "--network", "host", "--pid", "host",
		"--tmpfs", toolboxHome + ":exec,mode=1777", "--env", "HOME=" + toolboxHome,
	}
	for _, more := range []func(context.Context) ([]string, error){d.user, d.folders, d.terraform, d.goSettings} {
		found, err := more(ctx)
		if err != nil {
			return nil, fmt.Errorf("making the toolbox: %w", err)
		}
		options = append(options, found...)
	}
	return slices.Concat([]string{"docker"}, options, variables(), []string{toolboxImage}, args), nil
}

// buildToolbox builds the image on Go's.
func (d *Docker) buildToolbox(ctx context.Context) error {
	id, err := d.provided(ctx, images.Go)
	if err != nil {
		return err
	}
	_, err = d.build(ctx, toolboxImage, recipe{dir: "images/toolbox", args: map[string]string{"GO": images.Go}, key: id})
	return err
}

// user keeps files that the container writes the caller's. A caller other than root
// brings the machine's names, and the group that may use the engine.
func (d *Docker) user(ctx context.Context) ([]string, error) {
	socket, err := d.socket(ctx)
	if err != nil {
		return nil, err
	}
	options := mount(socket, "/var/run/docker.sock")
	if os.Getuid() == 0 {
		return options, nil
	}
	var stat syscall.Stat_t
	if err := syscall.Stat(socket, &stat); err != nil {
		return nil, fmt.Errorf("finding who may use %s: %w", socket, err)
	}
	options = append(options, "--user", fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()), "--group-add", strconv.Itoa(int(stat.Gid)))
	return append(append(options, mount("/etc/passwd:ro", "/etc/passwd")...), mount("/etc/group:ro", "/etc/group")...), nil
}

// mount shows a file or folder of this machine; source may end in ":ro".
func mount(source, target string) []string {
	source, readOnly := strings.CutSuffix(source, ":ro")
	volume := source + ":" + target
	if readOnly {
		volume += ":ro"
	}
	return []string{"--volume", volume}
}

// folders shows /tmp, the repository that the working folder is in, and the lab's
// cache.
func (d *Docker) folders(ctx context.Context) ([]string, error) {
	work, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	// The repository of a further worktree is elsewhere.
	repository, err := capture(ctx, work, "git", "rev-parse", "--path-format=absolute", "--show-toplevel", "--git-common-dir")
	if err != nil {
		return nil, err
	}
	folders := append(strings.Split(strings.TrimSpace(repository), "\n"), "/tmp", d.cache.dir)
	options := []string{"--workdir", work, "--env", CacheVariable + "=" + d.cache.dir}
	for _, folder := range slices.Compact(slices.Sorted(slices.Values(folders))) {
		options = append(options, mount(folder, folder)...)
	}
	return options, nil
}

// terraform shows Terraform and its providers, where they are available.
func (d *Docker) terraform(ctx context.Context) ([]string, error) {
	path := "/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	var options []string
	dir, err := Tool(ctx, Terraform, d.progress)
	switch {
	case errors.Is(err, errNoTerraform), errors.Is(err, errNoProvider), errors.Is(err, errNoStandIn):
		d.progress.Say("%v; its tests are skipped", err)
	case err != nil:
		return nil, err
	default:
		path = dir + ":" + path
	}
	if mirror, err := providerMirror(); err == nil {
		options = append(mount(mirror+":ro", mirror), "--env", PluginMirrorVariable+"="+mirror)
	}
	return append(options, "--env", "PATH="+path), nil
}

// goSettings passes Go's settings on and shows its caches.
func (d *Docker) goSettings(ctx context.Context) ([]string, error) {
	names := []string{"GOPATH", "GOMODCACHE", "GOCACHE", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOFLAGS"}
	output, err := capture(ctx, "", "go", append([]string{"env", "-json"}, names...)...)
	if err != nil {
		return nil, err
	}
	settings := map[string]string{}
	if err := json.Unmarshal([]byte(output), &settings); err != nil {
		return nil, fmt.Errorf("reading go env: %w", err)
	}
	var options []string
	for _, name := range names {
		options = append(options, "--env", name+"="+settings[name])
	}
	for _, name := range []string{"GOMODCACHE", "GOCACHE"} {
		if err := os.MkdirAll(settings[name], 0o755); err != nil {
			return nil, err
		}
		options = append(options, mount(settings[name], settings[name])...)
	}
	return options, nil
}

// variables passes this machine's variables on, by name, so that no value is in an
// argument. The container has others in place of those left out.
func variables() (options []string) {
	for _, variable := range os.Environ() {
		switch name, _, _ := strings.Cut(variable, "="); name {
		case "PATH", "HOME", "PWD", "OLDPWD", "SHELL", "TMPDIR", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "GOROOT", CacheVariable, PluginMirrorVariable:
		default:
			if !strings.HasPrefix(name, "XDG_") && !strings.HasPrefix(name, "GO") {
				options = append(options, "--env", name)
			}
		}
	}
	return options
}
