package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"gitops/ci/progress"
	"gitops/ci/rehearsal"
)

// newPictures makes the README's pictures out of the report of a rehearsal.
func newPictures() *cobra.Command {
	var from, out string
	cmd := &cobra.Command{
		Use: "pictures", Short: "Make pictures of the review comment and the receipt of a rehearsal", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := readReport(from)
			if err != nil {
				return err
			}
			if err := os.MkdirAll(out, 0o755); err != nil {
				return err
			}
			if err := shoot(cmd.Context(), filepath.Join(out, "review.png"), 960, report.WriteReviewPage); err != nil {
				return err
			}
			return shoot(cmd.Context(), filepath.Join(out, "receipt.png"), 800, report.WriteReceiptPage)
		},
	}
	cmd.Flags().StringVar(&from, "from", reportJSON, "report of a rehearsal")
	cmd.Flags().StringVar(&out, "out", "docs/pictures", "folder for the pictures")
	return cmd
}

func readReport(path string) (*rehearsal.Report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, progress.Invalid("reading the report: %w; make rehearse writes one", err)
	}
	var report rehearsal.Report
	if err := json.Unmarshal(text, &report); err != nil {
		return nil, progress.Invalid("reading the report %s: %w", path, err)
	}
	return &report, nil
}

// shoot takes a picture of a page in a browser without a window, height pixels high.
func shoot(ctx context.Context, picture string, height int, write func(io.Writer) error) error {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		return progress.Invalid("taking a picture: %w: install chromium", err)
	}
	dir, err := os.MkdirTemp("", "gitops-picture-")
	if err != nil {
		return fmt.Errorf("taking a picture: %w", err)
	}
	defer os.RemoveAll(dir)
	page, err := os.Create(filepath.Join(dir, "page.html"))
	if err != nil {
		return fmt.Errorf("taking a picture: %w", err)
	}
	defer page.Close()
	if err := write(page); err != nil {
		return err
	}
	target, err := filepath.Abs(picture)
	if err != nil {
		return err
	}
	// Root cannot use the browser's sandbox; the page has no script and loads nothing.
	out, err := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir="+dir,
		fmt.Sprintf("--window-size=880,%d", height), "--screenshot="+target, "file://"+page.Name()).CombinedOutput()
	if err != nil {
		return fmt.Errorf("taking a picture with %s: %w: %s", browser, err, out)
	}
	return nil
}
