package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Everything of a lab has these labels: which lab it is of, and the process that
// will remove it.
const (
	labelLab   = "gitops.lab"
	labelOwner = "gitops.lab.owner"
)

// keptOwner is the owner of labs that stay until somebody removes them.
const keptOwner = "kept"

// Sweep removes what labs left whose process was killed before it could clean
// up. Kept labs, and those of processes that still run, stay.
func Sweep(ctx context.Context, d *Docker) error {
	format := fmt.Sprintf(`{{.Label %q}} {{.Label %q}}`, labelLab, labelOwner)
	var listed strings.Builder
	for _, list := range [][]string{{"ps", "--all"}, {"network", "ls"}, {"volume", "ls"}} {
		out, err := d.do(ctx, append(list, "--filter", "label="+labelOwner, "--format", format)...)
		if err != nil {
			return fmt.Errorf("looking for leftovers of earlier labs: %w", err)
		}
		listed.WriteString(out + "\n")
	}
	left := map[string]bool{}
	for line := range strings.Lines(listed.String()) {
		id, owner, found := strings.Cut(strings.TrimSpace(line), " ")
		if found && owner != keptOwner && owner != processID(ownerPID(owner)) {
			left[id] = true
		}
	}
	var errs []error
	for id := range left {
		d.progress.Say("removing lab %s, which a killed run left", id)
		errs = append(errs, remove(ctx, d, labelLab+"="+id))
	}
	return errors.Join(errs...)
}

// remove removes the containers with their anonymous volumes, the networks and
// the volumes that have the label. It does not stop at the first failure.
func remove(ctx context.Context, d *Docker, label string) error {
	return errors.Join(
		removeAll(ctx, d, label, []string{"ps", "--all", "--quiet"}, []string{"rm", "--force", "--volumes"}),
		removeAll(ctx, d, label, []string{"network", "ls", "--quiet"}, []string{"network", "rm"}),
		removeAll(ctx, d, label, []string{"volume", "ls", "--quiet"}, []string{"volume", "rm", "--force"}),
	)
}

func removeAll(ctx context.Context, d *Docker, label string, list, remove []string) error {
	listed, err := d.do(ctx, append(list, "--filter", "label="+label)...)
	if found := strings.Fields(listed); err == nil && len(found) > 0 {
		_, err = d.do(ctx, append(remove, found...)...)
	}
	if err != nil {
		return fmt.Errorf("removing what has the label %s: %w", label, err)
	}
	return nil
}

// processID names the process pid so that a later one with the same number is
// told apart: by when it started. It is empty when there is none.
func processID(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name in parentheses may hold blanks; the 20th field after it is the
	// start time.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return ""
	}
	return fmt.Sprintf("%d-%s", pid, fields[19])
}

// ownerPID returns the process in an owner's name, 0 where there is none.
func ownerPID(owner string) int {
	number, _, _ := strings.Cut(owner, "-")
	pid, err := strconv.Atoi(number)
	if err != nil {
		return 0
	}
	return pid
}
