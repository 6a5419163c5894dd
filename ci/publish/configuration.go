package publish

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
)

// configured is an image with its own configuration, byte for byte: the
// library's type for it does not know all that engines write, such as the start
// interval of a health check, and would lose it.
type configured struct {
	v1.Image
	config      []byte
	annotations map[string]string
}

func (c *configured) RawConfigFile() ([]byte, error)      { return c.config, nil }
func (c *configured) ConfigFile() (*v1.ConfigFile, error) { return partial.ConfigFile(c) }
func (c *configured) ConfigName() (v1.Hash, error)        { return partial.ConfigName(c) }
func (c *configured) RawManifest() ([]byte, error)        { return partial.RawManifest(c) }
func (c *configured) Digest() (v1.Hash, error)            { return partial.Digest(c) }
func (c *configured) Size() (int64, error)                { return partial.Size(c) }

func (c *configured) Manifest() (*v1.Manifest, error) {
	manifest, err := c.Image.Manifest()
	if err != nil {
		return nil, err
	}
	manifest = manifest.DeepCopy()
	manifest.Annotations = c.annotations
	manifest.Config.Digest, manifest.Config.Size, err = v1.SHA256(bytes.NewReader(c.config))
	return manifest, err
}

// object is JSON whose keys are not all known.
type object map[string]any

// ofBuild are what engines write into the execution parameters about the container
// that built the image; ArgsEscaped means something on Windows alone.
var ofBuild = []string{"Hostname", "Image", "ArgsEscaped"}

// settledConfig returns the configuration raw for layers, which says what raw says of
// how the image runs, in one form. Of the history only the times are left: each
// engine tells another one, with the values of build arguments in it, or none.
func settledConfig(raw []byte, layers v1.Image, f form) ([]byte, error) {
	before, err := readObject(raw)
	if err != nil {
		return nil, err
	}
	config, _ := before["config"].(map[string]any)
	rootFS, err := layers.ConfigFile()
	if err != nil {
		return nil, err
	}
	at := f.created.UTC().Format(time.RFC3339)
	history := make([]object, len(rootFS.RootFS.DiffIDs))
	for i := range history {
		history[i] = object{"created": at}
	}
	after := object{"created": at, "config": settledParameters(config, f.labels), "rootfs": rootFS.RootFS, "history": history}
	for _, key := range []string{"architecture", "os", "variant", "os.version", "os.features", "author"} {
		after[key] = before[key]
	}
	if f.platform != nil {
		after["os"], after["architecture"], after["variant"] = f.platform.OS, f.platform.Architecture, f.platform.Variant
	}
	return json.Marshal(withoutEmpty(after))
}

// settledParameters returns the execution parameters of an image in one form.
func settledParameters(config object, labels map[string]string) object {
	settled := withoutEmpty(config)
	for _, key := range ofBuild {
		delete(settled, key)
	}
	if settled["WorkingDir"] == "/" { // which is the default
		delete(settled, "WorkingDir")
	}
	all, _ := settled["Labels"].(map[string]any)
	if all == nil {
		all = map[string]any{}
	}
	for key, value := range labels {
		all[key] = value
	}
	if len(all) > 0 {
		settled["Labels"] = all
	}
	return settled
}

// withoutEmpty leaves out keys that say nothing, which engines write or leave out.
func withoutEmpty(o object) object {
	kept := object{}
	for key, value := range o {
		text, _ := json.Marshal(value) // it was read from JSON, or is our own
		switch string(text) {
		case "null", `""`, "false", "[]", "{}":
		default:
			kept[key] = value
		}
	}
	return kept
}

// readObject reads JSON and keeps its numbers as they are written.
func readObject(raw []byte) (object, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var o object
	if err := decoder.Decode(&o); err != nil {
		return nil, fmt.Errorf("reading it: %w", err)
	}
	if o == nil {
		return nil, errors.New("there is none")
	}
	return o, nil
}
