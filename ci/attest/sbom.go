package attest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"gitops/ci/images"
	"gitops/ci/program"
	"gitops/ci/progress"
)

// SyftReady reports that the program is missing, and how to come by it.
func SyftReady() error {
	_, err := lookUp("syft", images.Syft, leaveOut)
	return err
}

// SBOM returns the SPDX document of the image in an OCI layout folder, which has
// no other image. It needs the program syft and no network; the name and version
// are the document's.
func SBOM(ctx context.Context, layoutDir, name, version string) ([]byte, error) {
	syft, err := lookUp("syft", images.Syft, leaveOut)
	if err != nil {
		return nil, err
	}
	if layoutDir, err = filepath.Abs(layoutDir); err != nil {
		return nil, fmt.Errorf("making an SBOM: %w", err)
	}
	if _, err := os.Stat(filepath.Join(layoutDir, "index.json")); err != nil {
		return nil, progress.Invalid("making an SBOM: %w; give a folder in the OCI image layout", err)
	}
	// Settings and caches of whoever runs this must not show in the document.
	home, err := os.MkdirTemp("", "gitops-sbom-")
	if err != nil {
		return nil, fmt.Errorf("making an SBOM: %w", err)
	}
	defer os.RemoveAll(home)
	run := execution{Name: syft, Dir: home, Pass: program.Machine, Env: syftEnv(home)}
	document, err := run.do(ctx, syftArgs(layoutDir, name, version)...)
	if err == nil && !json.Valid(document) {
		err = fmt.Errorf("syft wrote no document")
	}
	if err != nil {
		return nil, fmt.Errorf("making an SBOM of %s: %w", name, err)
	}
	return document, nil
}

// syftArgs returns the arguments of syft for the image in an OCI layout folder. It
// writes the document on stdout.
func syftArgs(layoutDir, name, version string) []string {
	args := []string{"scan", "oci-dir:" + layoutDir, "--output", "spdx-json"}
	if name != "" {
		args = append(args, "--source-name", name)
	}
	if version != "" {
		args = append(args, "--source-version", version)
	}
	return args
}

// syftEnv keeps what syft reads and writes below home, and it from asking the network
// for a newer version.
func syftEnv(home string) []string {
	return []string{"HOME=" + home, "TMPDIR=" + home, "SYFT_CHECK_FOR_APP_UPDATE=false"}
}
