package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"gitops/ci/progress"
	"gitops/ci/rehearsal"
)

// reviewSample is the comment on a recorded plan with every kind of change. A test keeps
// it as the review stage writes it.
const reviewSample = "ci/review/testdata/golden/shop.md"

// newPictures makes the README's pictures: of the sample comment, and of the receipt in the
// report of a rehearsal.
func newPictures() *cobra.Command {
	var from, review, out string
	cmd := &cobra.Command{
		Use: "pictures", Short: "Make pictures of the review comment and the receipt of a rehearsal", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			comment, err := os.ReadFile(review)
			if err != nil {
				return progress.Invalid("reading the comment: %w", err)
			}
			if err := os.MkdirAll(out, 0o755); err != nil {
				return err
			}
			err = shoot(cmd.Context(), filepath.Join(out, "review.png"), 3000, func(w io.Writer) error {
				return rehearsal.WriteReviewPage(w, string(comment))
			})
			if err != nil {
				return err
			}
			report, err := readReport(from)
			if err != nil {
				return err
			}
			return shoot(cmd.Context(), filepath.Join(out, "receipt.png"), 800, report.WriteReceiptPage)
		},
	}
	cmd.Flags().StringVar(&from, "from", reportJSON, "report of a rehearsal")
	cmd.Flags().StringVar(&review, "review", reviewSample, "review comment to show")
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

// shoot takes a picture of a page in a browser without a window, at most height pixels
// high.
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
	return crop(picture)
}

// crop cuts the empty rows at a picture's end, except a few.
func crop(picture string) error {
	file, err := os.Open(picture)
	if err != nil {
		return fmt.Errorf("cropping a picture: %w", err)
	}
	defer file.Close()
	whole, err := png.Decode(file)
	if err != nil {
		return fmt.Errorf("cropping a picture: %w", err)
	}
	const margin = 16
	bounds := whole.Bounds()
	for bounds.Max.Y > bounds.Min.Y && emptyRow(whole, bounds.Max.Y-1) {
		bounds.Max.Y--
	}
	bounds.Max.Y = min(bounds.Max.Y+margin, whole.Bounds().Max.Y)
	cut := image.NewRGBA(bounds)
	draw.Draw(cut, bounds, whole, bounds.Min, draw.Src)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, cut); err != nil {
		return fmt.Errorf("cropping a picture: %w", err)
	}
	return os.WriteFile(picture, out.Bytes(), 0o644)
}

// emptyRow reports whether a row has one colour.
func emptyRow(picture image.Image, y int) bool {
	bounds := picture.Bounds()
	for x := bounds.Min.X; x < bounds.Max.X; x++ {
		if picture.At(x, y) != picture.At(bounds.Min.X, y) {
			return false
		}
	}
	return true
}
