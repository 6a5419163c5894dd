package publish

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// inputs names all that the service's image is made of, except the commit: the
// git tree of its folder, its Dockerfile, target and arguments. It is empty when
// the folder is not in git or differs from the commit.
func (p *publisher) inputs(ctx context.Context, s Service) string {
	tree, err := git(ctx, s.Context, "rev-parse", "--verify", "--quiet", p.Tag+":./")
	if err != nil {
		return ""
	}
	if changed, err := git(ctx, s.Context, "status", "--porcelain", "--ignored=no", "--", "."); err != nil || changed != "" {
		return ""
	}
	if head, err := git(ctx, s.Context, "rev-parse", "--verify", "--quiet", "HEAD:./"); err != nil || head != tree {
		return ""
	}
	dockerfile, err := os.ReadFile(s.dockerfile())
	if err != nil {
		return ""
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "%s\n%x\n%q\n%q\n", tree, sha256.Sum256(dockerfile), s.Dockerfile, s.Target)
	for _, name := range slices.Sorted(maps.Keys(s.Args)) {
		fmt.Fprintf(hash, "%q=%q\n", name, s.Args[name])
	}
	return "sha256:" + hex.EncodeToString(hash.Sum(nil))
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...).Output()
	return strings.TrimSpace(string(out)), err
}

// reusable returns the service's previous image if it was made of the same
// inputs and is in the repository that the service is pushed to.
func (p *publisher) reusable(ctx context.Context, s Service, inputs string) name.Reference {
	previous, err := p.registry.Reference(s.Previous)
	if err != nil || !strings.HasPrefix(s.Previous, s.Image+":") && !strings.HasPrefix(s.Previous, s.Image+"@") {
		return nil
	}
	label := ""
	_, err = p.registry.Try(ctx, "reading", previous, func(options ...remote.Option) error {
		image, err := remote.Image(previous, options...)
		if err != nil {
			return err
		}
		config, err := image.ConfigFile()
		if err == nil {
			label = config.Config.Labels[treeLabel]
		}
		return err
	})
	if err != nil {
		p.Progress.Say("build %s: its previous image cannot be looked at, so it is built: %v", s.Name, err)
	}
	if err != nil || label != inputs {
		return nil
	}
	return previous
}
