// Package dockerlab rehearses the loop on a plain Docker engine: the stand-ins
// are containers, and a stage is the gitops command in a container of its tool.
package dockerlab

import (
	"context"
	"errors"
	"net"
	"strings"

	"gitops/ci/lab"
	"gitops/ci/lab/authority"
	"gitops/ci/lab/gitserver"
	"gitops/ci/progress"
	"gitops/ci/rehearsal"
)

// Options say what to rehearse.
type Options struct {
	Source   string // folder with terraform, ansible, app and .github
	Keep     bool   // leave the lab up and say how to look at it
	Progress *progress.Progress
}

// Rehearse starts a lab, runs the loop in it and removes it.
func Rehearse(ctx context.Context, o Options) (report *rehearsal.Report, err error) {
	programs, err := build(ctx, o.Progress)
	if err != nil {
		return nil, err
	}
	defer programs.remove()
	needed, err := rehearsal.NeededImages(o.Source)
	if err != nil {
		return nil, err
	}
	l, err := lab.Start(ctx, lab.Options{Gitops: programs.gitops, StandIns: programs.rehearse, Images: needed.Refs(), Keep: o.Keep, Progress: o.Progress})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	r, world, err := prepare(ctx, l, needed, o, programs.dir)
	if err != nil {
		return nil, err
	}
	report, err = rehearsal.Run(ctx, r, world, o.Progress)
	report.With = "as the gitops command in containers of a plain Docker engine"
	if o.Keep {
		tellKept(o.Progress, l)
	}
	return report, err
}

// prepare makes the repository and the bucket that the loop starts with, and
// gathers what the stages are given. The lab's certificate
// authority goes to a file in dir.
func prepare(ctx context.Context, l *lab.Lab, needed rehearsal.Needed, o Options, dir string) (*runner, rehearsal.World, error) {
	authorityFile, err := l.Authority.WriteFile(dir)
	if err != nil {
		return nil, rehearsal.World{}, err
	}
	if err := gitserver.CreateRemote(ctx, l.Authority.Client(), l.Git.Outside, rehearsal.Repository, lab.User, l.GitPassword); err != nil {
		return nil, rehearsal.World{}, err
	}
	if err := rehearsal.MakeBucket(ctx, l.AWS.Outside); err != nil {
		return nil, rehearsal.World{}, err
	}
	credentials, err := credentials(l)
	if err != nil {
		return nil, rehearsal.World{}, err
	}
	missing := map[string]string{}
	for _, image := range l.Missing {
		missing[image.Ref] = image.Why
	}
	leaveOut, notRun := needed.Without(missing)
	var mirrors []string
	if l.AirGapped {
		mirrors = []string{"http://" + l.Mirror.Inside}
	}
	inputs, err := rehearsal.NewInputs(credentials, mirrors, leaveOut)
	if err != nil {
		return nil, rehearsal.World{}, err
	}
	world := world(l, credentials, o.Source)
	world.Authority, world.AuthorityFile = l.Authority, authorityFile
	world.NotRun, world.Instead = notRun, substitutes(l)
	return &runner{lab: l, inputs: inputs, world: world}, world, nil
}

func credentials(l *lab.Lab) (rehearsal.Credentials, error) {
	c := rehearsal.Credentials{
		User: lab.User, GitPassword: l.GitPassword, GitHubToken: l.GitHubToken, RegistryPassword: l.RegistryPassword,
		HostKey: l.HostKey, HostPublicKey: l.HostPublicKey, LoginKey: l.LoginKey, LoginPublicKey: l.LoginPublicKey,
	}
	return c.Complete()
}

func world(l *lab.Lab, c rehearsal.Credentials, source string) rehearsal.World {
	w := rehearsal.NewWorld(c)
	w.Source = source
	w.GitURL = l.Git.Outside + "/" + rehearsal.Repository + ".git"
	w.GitHubURL, w.AWSURL = strings.TrimSuffix(l.GitHub.Outside, "/"), l.AWS.Outside
	w.RegistryURL = l.Registry.Outside
	published := map[string]string{"22": l.SSH.Outside, "80": l.HTTP.Outside}
	w.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		// Not every machine reaches the network of its Docker engine.
		if name, port, err := net.SplitHostPort(address); err == nil && name == l.HostAddress && published[port] != "" {
			address = published[port]
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	return w
}

// substitutes names what holds something else than its name says.
func substitutes(l *lab.Lab) []string {
	var lines []string
	for _, image := range l.Images {
		if image.Holds != "" {
			lines = append(lines, image.Ref+": "+image.Holds)
		}
	}
	if l.AirGapped {
		lines = append(lines, "Ansible Galaxy: a stand-in with collections of Debian's package ansible")
	}
	return lines
}

func tellKept(p *progress.Progress, l *lab.Lab) {
	p.Say("the lab stays up:")
	p.Say("  application  http://%s/", l.HTTP.Outside)
	p.Say("  git          %s/%s.git (user %s)", l.Git.Outside, rehearsal.Repository, lab.User)
	p.Say("  GitHub       %s/_lab/state", strings.TrimSuffix(l.GitHub.Outside, "/"))
	p.Say("  authority    docker cp %s-git:%s . (for GIT_SSL_CAINFO and curl --cacert)", l.Network, authority.AuthorityFile)
	p.Say("  host         docker exec -it %s-host bash", l.Network)
	p.Say("remove it with: docker rm --force --volumes $(docker ps --all --quiet --filter label=gitops.lab=%s) && docker network rm %s", l.ID, l.Network)
}
