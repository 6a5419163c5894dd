package publish

import (
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// normalise returns image with everything that depends on when and where it was
// built taken out: every time becomes created. The layers of the base image, given
// by the digests of their content, stay as they are, so that registries and hosts
// have them once for all commits.
func normalise(image v1.Image, base []string, created time.Time) (v1.Image, error) {
	layers, err := image.Layers()
	if err != nil {
		return nil, fmt.Errorf("reading layers: %w", err)
	}
	kept, err := prefix(layers, base)
	if err != nil {
		return nil, err
	}
	ours, err := retimed(layers[kept:], created)
	if err != nil {
		return nil, fmt.Errorf("setting times in layers: %w", err)
	}
	result, err := mutate.AppendLayers(empty.Image, append(layers[:kept:kept], ours...)...)
	if err != nil {
		return nil, fmt.Errorf("putting layers together: %w", err)
	}
	config, err := settledConfig(image, result, created)
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(result, config)
}

// prefix returns how many of the layers are the base image's: all of base, or
// none when the image does not start with it.
func prefix(layers []v1.Layer, base []string) (int, error) {
	if len(base) > len(layers) {
		return 0, nil
	}
	for i := range base {
		id, err := layers[i].DiffID()
		if err != nil {
			return 0, fmt.Errorf("reading layers: %w", err)
		}
		if id.String() != base[i] {
			return 0, nil
		}
	}
	return len(base), nil
}

// retimed returns layers whose files all have the time created.
func retimed(layers []v1.Layer, created time.Time) ([]v1.Layer, error) {
	image, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		return nil, err
	}
	if image, err = mutate.Time(image, created.UTC()); err != nil {
		return nil, err
	}
	return image.Layers()
}

// settledConfig returns image's configuration for the layers of result.
func settledConfig(image, result v1.Image, created time.Time) (*v1.ConfigFile, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading the image's configuration: %w", err)
	}
	layers, err := result.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading the image's configuration: %w", err)
	}
	config = config.DeepCopy()
	config.RootFS = layers.RootFS
	config.Created = v1.Time{Time: created.UTC()}
	config.Container, config.DockerVersion = "", ""
	config.Config.Hostname, config.Config.Image = "", ""
	for i := range config.History {
		config.History[i].Created = config.Created
	}
	return config, nil
}
