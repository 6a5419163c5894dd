package deploy

import (
	"archive/tar"
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gitops/ci/compose"
	"gitops/ci/progress"
)

// What a swarm takes in bytes, less than that and more than nothing (swarmkit, api/validation/secrets.go and
// manager/controlapi/config.go).
const (
	maxSecret = 500 << 10
	maxConfig = 1000 << 10
)

// part is a file of what a release brings: the file itself, or one in a folder.
type part struct {
	// Path is relative to the folder, empty for the file itself.
	Path string `json:"path,omitempty"`
	Mode int64  `json:"mode"`
	Size int64  `json:"size"`
	// Link says that it is a symbolic link.
	Link bool `json:"link,omitempty"`
}

// partsOf returns the files in an archive of packContent.
func partsOf(archive []byte, base string) (parts []part, err error) {
	reader := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := reader.Next()
		switch {
		case errors.Is(err, io.EOF):
			return parts, nil
		case err != nil:
			return nil, err
		case header.Typeflag == tar.TypeDir:
			continue
		}
		inner := within(base, path.Clean(header.Name))
		if inner == "." {
			inner = "" // the file itself
		}
		parts = append(parts, part{Path: inner, Mode: header.Mode, Size: header.Size, Link: header.Typeflag == tar.TypeSymlink})
	}
}

// fileForm is what the name of a config may not have.
var fileForm = regexp.MustCompile(`[^a-zA-Z0-9_.-]+`)

// immutable returns the name of a config or secret whose content has the hash: another
// content has another name, since a swarm changes neither.
func (s *stacker) immutable(what, hash string) string {
	const longest = 64
	hash = strings.TrimPrefix(hash, "sha256:")[:12]
	name := s.project + "_" + fileForm.ReplaceAllString(what, "-")
	name = strings.TrimRight(name[:min(len(name), longest-len(hash)-1)], "_.-") + "_" + hash
	s.out.files = append(s.out.files, name)
	return name
}

// addFiles adds the configs and secrets of a service.
func (s *stacker) addFiles(c types.ServiceConfig, service map[string]any, _ *swarmService) error {
	var configs, secrets []map[string]any
	for _, used := range c.Configs {
		object := types.FileObjectConfig(s.manifest.Project.Configs[used.Source])
		if err := s.addObject(c.Name, "config", used.Source, object, compose.UseConfig, s.configs); err != nil {
			return err
		}
		configs = append(configs, usedAs(types.FileReferenceConfig(used)))
	}
	for _, used := range c.Secrets {
		object := types.FileObjectConfig(s.manifest.Project.Secrets[used.Source])
		if err := s.addObject(c.Name, "secret", used.Source, object, compose.UseSecret, s.secrets); err != nil {
			return err
		}
		secrets = append(secrets, usedAs(types.FileReferenceConfig(used)))
	}
	if len(configs) > 0 {
		service["configs"] = configs
	}
	if len(secrets) > 0 {
		service["secrets"] = secrets
	}
	return nil
}

// usedAs returns how a service uses a config or a secret.
func usedAs(used types.FileReferenceConfig) map[string]any {
	entry := map[string]any{"source": used.Source}
	for key, value := range map[string]string{"target": used.Target, "uid": used.UID, "gid": used.GID} {
		if value != "" {
			entry[key] = value
		}
	}
	if used.Mode != nil {
		entry["mode"] = int64(*used.Mode)
	}
	return entry
}

// addObject adds a config or secret of the manifest to the stack.
func (s *stacker) addObject(service, kind, key string, o types.FileObjectConfig, use compose.Use, all map[string]any) error {
	content := o.Content
	if content == "" && o.Environment != "" {
		content = s.manifest.Project.Environment[o.Environment]
	}
	file := s.manifest.FileOf(use)[key]
	c, travels := s.bundle.content[string(use)+" "+file]
	switch {
	case bool(o.External):
		name := o.Name
		if name == "" {
			name = key
		}
		all[key] = map[string]any{"external": true, "name": name}
	case travels:
		if err := checkSize(kind, file, c.parts); err != nil {
			return err
		}
		all[key] = map[string]any{"name": s.immutable(key, c.sum), "file": c.place(s.dir)}
	case o.File != "":
		return progress.Invalid("%s %q of service %q is a file of the host, which a swarm cannot follow when it changes: put it beside the manifest, or make the %[1]s by hand and write external: true", kind, key, service)
	default:
		if err := checkSize(kind, key, []part{{Size: int64(len(content))}}); err != nil {
			return err
		}
		made := swarmContent{kind: kind, name: s.immutable(key, hashOf(kind, s.project, content)), content: content}
		s.out.contents = append(s.out.contents, made)
		all[key] = map[string]any{"external": true, "name": made.name}
	}
	return nil
}

// checkSize refuses what is too large for a swarm.
func checkSize(kind, name string, parts []part) error {
	limit := int64(maxConfig)
	if kind == "secret" {
		limit = maxSecret
	}
	for _, p := range parts {
		if p.Size == 0 && !p.Link {
			return progress.Invalid("%s is empty, and a swarm has no empty %s: write something into it, or leave it out", path.Join(name, p.Path), kind)
		}
		if p.Size >= limit {
			return progress.Invalid("%s has %d KiB, and a %s of a swarm has less than %d: bake it into the image, or put it on a volume", path.Join(name, p.Path), p.Size>>10, kind, limit>>10)
		}
	}
	return nil
}

// addVolumes adds the mounts of a service. Files beside the manifest are configs.
func (s *stacker) addVolumes(c types.ServiceConfig, service map[string]any, known *swarmService) error {
	var mounts []map[string]any
	for _, v := range c.Volumes {
		relative, below := s.manifest.Relative(v.Source)
		switch {
		case v.Type == types.VolumeTypeBind && below:
			if err := s.addBind(c.Name, relative, v, service, known); err != nil {
				return err
			}
			continue
		case v.Type == types.VolumeTypeImage:
			return progress.Invalid("service %q mounts an image, which a swarm does not: copy the files in a Dockerfile", c.Name)
		case v.Type == types.VolumeTypeBind:
			known.notes = append(known.notes, v.Source+" has to be on each node that runs it")
			v.Source = ofHost(v.Source, "%s")
		case v.Type == types.VolumeTypeVolume && v.Source != "":
			s.addVolume(v.Source, known)
		}
		mounts = append(mounts, mountOf(v))
	}
	if len(mounts) > 0 {
		service["volumes"] = mounts
	}
	return nil
}

// mountOf returns a mount in the form of a stack.
func mountOf(v types.ServiceVolumeConfig) map[string]any {
	mount := map[string]any{"type": v.Type, "target": v.Target}
	if v.Source != "" {
		mount["source"] = v.Source
	}
	if v.ReadOnly {
		mount["read_only"] = true
	}
	if v.Bind != nil && v.Bind.Propagation != "" {
		mount["bind"] = map[string]any{"propagation": v.Bind.Propagation}
	}
	if v.Volume != nil && v.Volume.NoCopy {
		mount["volume"] = map[string]any{"nocopy": true}
	}
	if v.Tmpfs != nil && v.Tmpfs.Size > 0 {
		mount["tmpfs"] = map[string]any{"size": int64(v.Tmpfs.Size)}
	}
	return mount
}

// addVolume adds a volume to the stack.
func (s *stacker) addVolume(key string, known *swarmService) {
	v := s.manifest.Project.Volumes[key]
	if v.Driver == "" || v.Driver == "local" && v.DriverOpts["type"] == "" {
		known.notes = append(known.notes, "volume "+key+" is on the node that a task runs on, one for each: place the service by deploy.placement, or use a volume driver")
	}
	if v.External {
		s.volumes[key] = map[string]any{"external": true, "name": cmp.Or(v.Name, key)}
		return
	}
	volume := map[string]any{}
	if v.Name != s.manifest.Project.Name+"_"+key && v.Name != "" {
		volume["name"] = v.Name
	}
	if v.Driver != "" {
		volume["driver"] = v.Driver
	}
	if len(v.DriverOpts) > 0 {
		volume["driver_opts"] = map[string]string(v.DriverOpts)
	}
	if len(v.Labels) > 0 {
		volume["labels"] = map[string]string(v.Labels)
	}
	s.volumes[key] = volume
}

// addBind makes configs of a bind mount of the repository: nodes have no files of it.
func (s *stacker) addBind(name, relative string, v types.ServiceVolumeConfig, service map[string]any, known *swarmService) error {
	c, travels := s.bundle.content[string(compose.UseBind)+" "+relative]
	folder := len(c.parts) != 1 || c.parts[0].Path != ""
	switch {
	case !travels:
		return progress.Invalid("service %q keeps data in %s, which would be on one node alone: use a volume, with a driver where tasks move", name, relative)
	case folder && !v.ReadOnly:
		return progress.Invalid("service %q may write to %s, and files of the repository are read-only in a swarm: mount it read-only (:ro), bake it into the image, or use a volume", name, relative)
	}
	if err := checkSize("config", relative, c.parts); err != nil {
		return err
	}
	if !folder && !v.ReadOnly {
		known.notes = append(known.notes, relative+" is read-only")
	}
	for i, p := range c.parts {
		if p.Link {
			return progress.Invalid("service %q mounts %s, a symbolic link, which no config of a swarm can be: put the file itself there", name, path.Join(relative, p.Path))
		}
		key := "bind-" + c.sum[:12] + "-" + strconv.Itoa(i)
		if _, there := s.configs[key]; !there {
			s.configs[key] = map[string]any{"name": s.immutable(path.Base(path.Join(relative, p.Path)), hashOf(c.sum, p.Path)), "file": path.Join(c.place(s.dir), p.Path)}
		}
		list, _ := service["configs"].([]map[string]any)
		service["configs"] = append(list, map[string]any{"source": key, "target": path.Join(v.Target, p.Path), "mode": 0o444 | p.Mode&0o111})
	}
	if len(c.parts) == 0 {
		return progress.Invalid("service %q mounts %s, which has no files, and an empty folder is nothing in a swarm: use a volume", name, relative)
	}
	return nil
}

// contentText returns the shell function contents, which makes configs and secrets.
func (s swarmStack) contentText() string {
	var text strings.Builder
	text.WriteString("contents() {\n:\n")
	for _, c := range s.contents {
		fmt.Fprintf(&text, "%s | make %s %s\n", decoded([]byte(c.content)), c.kind, c.name)
	}
	text.WriteString("}\n")
	return text.String()
}

// stackText returns the shell function stack, which writes the stack.
func (s swarmStack) stackText() string {
	return "stack() { " + decoded(s.text) + "; }\n"
}

// decoded returns the shell command that writes content. printf is part of the shell: no
// process list has the content, and no temporary file, which some shells make of a
// here-document.
func decoded(content []byte) string {
	return "printf %s '" + base64.StdEncoding.EncodeToString(content) + "' | base64 -d"
}
