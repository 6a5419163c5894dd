package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gitops/ci/compose"
	"gitops/ci/deploy"
	"gitops/ci/host"
	"gitops/ci/lab/loadtest"
)

// way is one way to deploy a release.
type way struct {
	// key is its name on the command line; name is what the table says.
	key, name string
	stack     stack
	// retry puts Traefik's retry middleware before the services.
	retry bool
	// do replaces what runs with the nth release.
	do func(ctx context.Context, p *place, n int) error
}

// ours reports whether this project deploys.
func (w way) ours() bool { return w.name == thisProject }

const thisProject = "this project"

var ways = []way{
	{"ours", thisProject, application, false, byDeploy},
	{"article", "the article: `pull`, `up -d`", article, false, byUp},
	{"scale", "scale up, wait, stop the old", application, false, byScale},
	{"recreate", "recreate one after the other", application, false, byRecreate},
	{"plain-ours", thisProject, plain, false, byDeploy},
	{"plain-retry", "scale up, wait, stop the old; retry middleware", plain, true, byScale},
	{"plain-scale", "scale up, wait, stop the old", plain, false, byScale},
	{"plain-article", "`pull`, `up -d`", plain, false, byUp},
}

// byDeploy is a deploy by this project, over SSH.
func byDeploy(ctx context.Context, p *place, n int) error {
	client, err := host.Dial(ctx, p.world.sshd.Config())
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = p.deploy(ctx, client, n)
	return err
}

// deploy deploys the nth release to h.
func (p *place) deploy(ctx context.Context, h deploy.Host, n int) (deploy.Receipt, error) {
	if err := p.write(n); err != nil {
		return deploy.Receipt{}, err
	}
	return deploy.Deploy(ctx, h, deploy.Options{
		Dir: p.dir + "/deploy", Project: p.values.Project, Network: p.values.Network, Commit: commit(n),
		Source: compose.Source{Root: p.dir, Manifests: []string{"compose.yml"}},
		Actor:  "bench", Env: p.secrets(),
	})
}

// pull pulls what the engine does not have. The images that no release changes may be in
// no registry that can be reached.
func (p *place) pull(ctx context.Context, n int) error {
	return p.compose(ctx, n, "pull", "--quiet", "--policy", "missing")
}

// byUp is what the article does on the server.
func byUp(ctx context.Context, p *place, n int) error {
	if err := p.pull(ctx, n); err != nil {
		return err
	}
	return p.compose(ctx, n, "up", "--detach")
}

// byScale starts a container of the new release beside the old one, waits until it is
// healthy and stops the old one.
func byScale(ctx context.Context, p *place, n int) error {
	if err := p.pull(ctx, n); err != nil {
		return err
	}
	for _, service := range p.stack.rolls {
		before, err := p.containers(ctx, service)
		if err != nil {
			return err
		}
		if err := p.compose(ctx, n, "up", "--detach", "--no-deps", "--no-recreate", "--scale", service+"=2", service); err != nil {
			return err
		}
		if err := p.awaitHealthy(ctx, service); err != nil {
			return err
		}
		if _, err := docker(ctx, slices.Concat([]string{"stop"}, before)...); err != nil {
			return err
		}
		if _, err := docker(ctx, slices.Concat([]string{"rm"}, before)...); err != nil {
			return err
		}
	}
	return nil
}

// byRecreate replaces one service after the other, each after the whole drain of its old
// container.
func byRecreate(ctx context.Context, p *place, n int) error {
	if err := p.pull(ctx, n); err != nil {
		return err
	}
	for _, service := range p.stack.rolls {
		if err := p.compose(ctx, n, "up", "--detach", "--no-deps", "--wait", service); err != nil {
			return err
		}
	}
	return nil
}

// outcome is what a way did under the load.
type outcome struct {
	way     way
	deploys int
	result  loadtest.Result
	times   []time.Duration
}

func benchWays(ctx context.Context, w *world, s size) error {
	chosen := slices.DeleteFunc(slices.Clone(ways), func(one way) bool {
		return s.ways != "" && !slices.Contains(strings.Split(s.ways, ","), one.key)
	})
	if len(chosen) == 0 {
		return fmt.Errorf("there is no way of this name: the ways are %s", wayNames())
	}
	if err := w.build(ctx, max(s.deploys, s.others)); err != nil {
		return err
	}
	var outcomes []outcome
	for _, one := range chosen {
		deploys := s.others
		if one.ours() {
			deploys = s.deploys
		}
		say("%d deploys: %s, %s", deploys, one.stack.name, one.name)
		o, err := w.try(ctx, one, deploys, s.rate)
		if err != nil {
			return fmt.Errorf("%s: %w", one.key, err)
		}
		say("%s", o.result)
		outcomes = append(outcomes, o)
	}
	printWays(outcomes, s)
	return writePicture(outcomes, s.picture)
}

func wayNames() string {
	var names []string
	for _, one := range ways {
		names = append(names, one.key)
	}
	return strings.Join(names, ", ")
}

// pause is the time between two deploys.
const pause = 4 * time.Second

// try deploys by a way under the load.
func (w *world) try(ctx context.Context, one way, deploys, rate int) (o outcome, err error) {
	o = outcome{way: one, deploys: deploys}
	p, err := w.newPlace(ctx, one.stack, one.retry)
	if err != nil {
		return o, err
	}
	defer p.remove(ctx)
	if err := p.first(ctx, one.ours()); err != nil {
		return o, err
	}
	kinds, err := p.kinds(ctx)
	if err != nil {
		return o, err
	}
	load, err := loadtest.Start(ctx, loadtest.Load{URL: p.url(), Rate: rate, Kinds: kinds, VersionHeader: "X-Version"})
	if err != nil {
		return o, err
	}
	o.times, err = p.series(ctx, load, one, deploys)
	o.result = load.Stop()
	return o, err
}

// first starts the first release, by a deploy or by Compose, and waits until it answers.
func (p *place) first(ctx context.Context, deployed bool) (err error) {
	if err := p.world.forget(ctx); err != nil {
		return err
	}
	if deployed {
		err = byDeploy(ctx, p, 0)
	} else {
		err = p.compose(ctx, 0, "up", "--detach", "--wait", "--quiet-pull")
	}
	if err != nil {
		return fmt.Errorf("starting the first release: %w", err)
	}
	return p.awaitAnswers(ctx)
}

// series deploys one release after the other.
func (p *place) series(ctx context.Context, load *loadtest.Run, one way, deploys int) (times []time.Duration, err error) {
	time.Sleep(pause)
	for n := 1; n <= deploys; n++ {
		load.Mark("begin")
		begun := time.Now()
		if err := one.do(ctx, p, n); err != nil {
			return times, fmt.Errorf("deploy %d: %w", n, err)
		}
		times = append(times, time.Since(begun))
		load.Mark("end")
		// The command may end before the services answer, and an old container may have
		// something left to do.
		if err := p.awaitAnswers(ctx); err != nil {
			return times, fmt.Errorf("deploy %d: %w", n, err)
		}
		time.Sleep(pause)
		load.Mark("settled")
		if err := p.runs(ctx, n); err != nil {
			return times, fmt.Errorf("deploy %d: %w", n, err)
		}
	}
	return times, nil
}
