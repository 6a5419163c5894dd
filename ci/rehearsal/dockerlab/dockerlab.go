// Package dockerlab rehearses the loop on a plain Docker engine: the stand-ins are
// containers, and what happens in the repository starts its workflows. These call the
// machine's dagger command, or a stand-in for it that runs each stage as the gitops
// command in a container of its tool.
package dockerlab

import (
	"context"
	"errors"
	"net"
	"strings"

	"gitops/ci/lab"
	"gitops/ci/lab/gitserver"
	"gitops/ci/progress"
	"gitops/ci/rehearsal"
)

// Options say what to rehearse.
type Options struct {
	Source   string // repository to rehearse
	Keep     bool   // leave the lab up and say how to work on it
	Dagger   bool   // call the machine's dagger command with its engine
	Progress *progress.Progress
}

// Rehearse starts a lab, runs the loop in it and removes it.
func Rehearse(ctx context.Context, o Options) (report *rehearsal.Report, err error) {
	programs, err := build(ctx, o.Progress)
	if err != nil {
		return nil, err
	}
	if !o.Keep {
		defer programs.remove()
	}
	needed, err := rehearsal.NeededImages(o.Source)
	if err != nil {
		return nil, err
	}
	l, err := lab.Start(ctx, lab.Options{Gitops: programs.gitops, StandIns: programs.rehearse, Images: needed.Refs(), Keep: o.Keep, Progress: o.Progress})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	r, err := prepare(ctx, l, needed, o, programs.dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	report, err = rehearsal.Run(ctx, r, r.world, o.Progress)
	report.With = "by the workflow files, as the gitops command in containers of a plain Docker engine"
	if o.Dagger {
		report.With = "by the workflow files, as functions of the gitops module on a Dagger engine"
	}
	if o.Keep {
		err = errors.Join(err, r.keep(ctx, programs.dir, o.Progress))
	}
	return report, err
}

// prepare makes the repository and the bucket that the loop starts with, and what runs
// the workflows. Files, such as the certificate of the lab's authority, go to dir.
func prepare(ctx context.Context, l *lab.Lab, needed rehearsal.Needed, o Options, dir string) (*runner, error) {
	authorityFile, err := l.Authority.WriteFile(dir)
	if err != nil {
		return nil, err
	}
	if err := gitserver.CreateRemote(ctx, l.Authority.Client(), l.GitHub.Outside, rehearsal.GitHubRepo, lab.User, l.GitPassword); err != nil {
		return nil, err
	}
	if err := rehearsal.MakeBucket(ctx, l.AWS.Outside); err != nil {
		return nil, err
	}
	inputs, notRun, err := inputs(l, needed)
	if err != nil {
		return nil, err
	}
	world := world(l, inputs.Credentials, o.Source)
	world.Authority, world.AuthorityFile = l.Authority, authorityFile
	world.NotRun, world.Instead, world.Environment = notRun, substitutes(l), inputs.Environment()
	r := &runner{lab: l, inputs: inputs, world: world, environments: environments(inputs)}
	if r.dagger, err = startDagger(ctx, r, dir); err != nil {
		return nil, err
	}
	if o.Dagger {
		if r.dagger.real, err = connectDagger(ctx, l); err != nil {
			return nil, err
		}
	}
	r.actions, err = startActions(ctx, l, r, o)
	return r, err
}

// inputs returns what the stages are given, and a line for each part of the monitoring
// that is left out.
func inputs(l *lab.Lab, needed rehearsal.Needed) (rehearsal.Inputs, []string, error) {
	credentials, err := credentials(l)
	if err != nil {
		return rehearsal.Inputs{}, nil, err
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
	return inputs, notRun, err
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
	w.GitURL = l.GitHub.Outside + "/" + rehearsal.GitHubRepo + ".git"
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
