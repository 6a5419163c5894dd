package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"

	"gitops/ci/compose"
	"gitops/ci/manifest"
)

// signingKeyFile is where the rehearsed repository has the public half of its signing key.
const signingKeyFile = "cosign.pub"

// authorityFile is where it has the certificate of the authority that stages trust.
const authorityFile = "authority.crt"

// adopt changes a copy of the source as docs/adopt.md asks a team to.
func adopt(dir string, w World) error {
	tfvars, err := json.MarshalIndent(map[string]any{
		"region": Region, "ssh_cidrs": []string{"198.51.100.0/24"},
		"ssh_public_key":      strings.TrimSpace(w.Credentials.LoginPublicKey),
		"ssh_host_public_key": strings.TrimSpace(w.Credentials.HostPublicKey),
		// The stand-in answers one call with an error for ever; a connection may break.
		"aws_max_retries": 3,
	}, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(
		pointManifest(filepath.Join(dir, ManifestPath), w.Registry),
		settle(filepath.Join(dir, "gitops.yml")),
		appendLines(filepath.Join(dir, ".env"), "GITOPS_REGISTRYADDRESS="+RegistryAddress,
			"GITOPS_AUTHORITY="+authorityFile, "GITOPS_ENVIRONMENT="+strings.Join(w.Environment, ",")),
		os.WriteFile(filepath.Join(dir, authorityFile), []byte(w.authorityPEM()), 0o644),
		os.WriteFile(filepath.Join(dir, "terraform/terraform.tfvars.json"), tfvars, 0o644),
		os.WriteFile(filepath.Join(dir, signingKeyFile), []byte(w.Credentials.Signing.Public), 0o644),
	)
}

// settle writes a team's settings into gitops.yml, beside what stands there.
func settle(path string) error {
	settings := map[string]map[string]any{}
	text, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(text, &settings)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading gitops.yml: %w", err)
	}
	settings["aws"] = map[string]any{"region": Region}
	if settings["terraform"] == nil {
		settings["terraform"] = map[string]any{}
	}
	settings["terraform"]["backend"] = map[string]any{"bucket": bucket, "key": "gitops.tfstate", "use_path_style": true}
	settings["deploy"] = map[string]any{"verify_key": signingKeyFile}
	all := map[string]any{"plain_http": []string{"registry.local"}}
	for name, section := range settings {
		all[name] = section
	}
	if text, err = yaml.Marshal(all); err != nil {
		return fmt.Errorf("writing gitops.yml: %w", err)
	}
	return os.WriteFile(path, text, 0o644)
}

func appendLines(path string, lines ...string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	_, err = fmt.Fprintln(file, strings.Join(lines, "\n"))
	return errors.Join(err, file.Close())
}

// ownImages returns the images of the services of a manifest that a release builds.
func ownImages(path string) (map[string]string, error) {
	m, err := compose.Load(context.Background(), compose.Source{
		Root: filepath.Dir(path), Manifests: []string{filepath.Base(path)}, AnyValue: true, FilesElsewhere: true,
	})
	if err != nil {
		return nil, err
	}
	return m.OwnImages(nil, nil)
}

// pointManifest makes the manifest at path name the lab's registry, as a team
// that adopts the project names its own.
func pointManifest(path, registry string) error {
	own, err := ownImages(path)
	if err != nil {
		return fmt.Errorf("reading the manifest: %w", err)
	}
	images := map[string]string{}
	for service, ref := range own {
		reference, err := manifest.ParseReference(ref)
		if err != nil {
			return err
		}
		images[service] = registry + "/" + filepath.Base(reference.Name) + ":" + reference.Tag
	}
	_, err = manifest.BumpFile(context.Background(), path, images, manifest.Options{})
	return err
}
