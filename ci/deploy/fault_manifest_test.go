//go:build faults

package deploy_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gitops/ci/deploy"
	"gitops/ci/lab/texttest"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// with returns the options of a deploy whose manifest has a change.
func (p *faultPlace) with(old, changed string) deploy.Options {
	p.t.Helper()
	o := p.to(image(p.other()))
	path := filepath.Join(o.Source.Root, "docker-compose.yml")
	content, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(texttest.Replace(p.t, string(content), old, changed)), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return o
}

func TestFaultManifest(t *testing.T) {
	p := newFaultPlace(t)
	p.under("refused", 0, func(p *faultPlace) {
		p.fails(p.with("    networks: [inner]\n", "    networks: [nowhere]\n"), deploy.Untouched, progress.ExitInvalid, "nowhere", "nothing was touched")
		p.fails(p.with("    networks: [inner]\n", "    networks: [inner]\n    no_such_key: 1\n"), deploy.Untouched, progress.ExitInvalid, "no_such_key", "nothing was touched")
		missing := p.to(image(p.other()))
		missing.Env = map[string]secret.Value{}
		p.fails(missing, "", progress.ExitInvalid, "PASSWORD", "nothing was touched")
		p.fails(p.with("    networks: [inner]\n", "    networks: [inner]\n    env_file: [absent.env]\n"), "", progress.ExitInvalid, "absent.env", "nothing was touched")
		large := p.to(image(p.other()))
		if err := os.WriteFile(filepath.Join(large.Source.Root, "docker-compose.yml"), []byte("services:\n"+strings.Repeat("# 50 MB\n", 50<<20/8)), 0o600); err != nil {
			p.t.Fatal(err)
		}
		begun := time.Now()
		p.fails(large, "", progress.ExitInvalid, "is it a compose file?")
		if took := time.Since(begun); took > time.Second {
			p.t.Errorf("a manifest of 50 MB was refused after %s", took)
		}
	})
	p.under("migration fails", 0, func(p *faultPlace) {
		o := p.to(image(p.other()))
		// The program's own health check: nothing listens where it asks.
		o.Before = []deploy.Before{{Service: "web", Command: []string{"healthy"}}}
		p.fails(o, deploy.Untouched, progress.ExitFailed, "healthy", "for service web, before it changes", "connection refused")
	})
	p.under("port taken", 0, func(p *faultPlace) {
		extra := "  extra:\n    image: " + image("v1") + "\n    ports: [\"" + p.sshd.Address + ":80\"]\n    networks: [inner]\nnetworks:\n"
		p.fails(p.with("networks:\n  inner", extra+"  inner"), deploy.Restored, progress.ExitFailed, "address already in use", wentBack)
		if ids := p.containers("extra"); ids != "" {
			p.t.Errorf("extra is still there: %s", ids)
		}
	})
	p.under("two deploys at once", 0, func(p *faultPlace) {
		// Both want the same image: which one is first does not matter.
		next, results := p.other(), make(chan error, 2)
		for range 2 {
			o, client := p.to(image(next)), p.dial()
			o.LockWait = 3 * time.Minute
			o.Commit = p.commit()
			go func() {
				_, err := deploy.Deploy(context.Background(), client, o)
				results <- err
			}()
		}
		for range 2 {
			if err := <-results; err != nil {
				p.t.Errorf("one of two deploys: %v", err)
			}
		}
		p.current = next
	})
}
