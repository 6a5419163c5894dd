package dockerlab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"gitops/ci/images"
	"gitops/ci/lab/daggermodule"
	"gitops/ci/rehearsal"
)

// DaggerVersion is the version that the stand-in for the dagger command says it is:
// the one that the workflows ask for.
const DaggerVersion = "v0.21.8"

// SocketVariable names the socket at which the rehearsal runs calls of dagger.
const SocketVariable = "GITOPS_LAB_SOCKET"

// DaggerRequest is one call of the stand-in for the dagger command.
type DaggerRequest struct {
	Dir  string   `json:"dir"`
	Args []string `json:"args"`
	Env  []string `json:"env"`
}

// DaggerAnswer is what the command prints and how it ends.
type DaggerAnswer struct {
	Stdout string `json:"stdout"`
	Stderr string `json:"stderr"`
	Exit   int    `json:"exit"`
}

// Dagger sends a call to the rehearsal that made socket.
func Dagger(ctx context.Context, socket string, r DaggerRequest) (DaggerAnswer, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return DaggerAnswer{}, err
	}
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://rehearsal/call", bytes.NewReader(body))
	if err != nil {
		return DaggerAnswer{}, err
	}
	response, err := client.Do(request)
	if err != nil {
		return DaggerAnswer{}, fmt.Errorf("asking the rehearsal to run dagger: %w", err)
	}
	defer response.Body.Close()
	var answer DaggerAnswer
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return DaggerAnswer{}, fmt.Errorf("reading the rehearsal's answer: %w", err)
	}
	return answer, nil
}

// dagger is what the workflows call as the dagger command. It reads a call against the
// functions that the module in the checkout declares. Where there is an engine it hands
// the call on; else it takes the engine's place: it runs the stage as the gitops command
// in a container of its tool, and no code of the module.
type dagger struct {
	*runner
	real   *realDagger
	folder string // with the dagger command, for PATH
	socket string
	server *http.Server

	mu      sync.Mutex
	results map[string][]byte // of the last run of each stage
}

// startDagger makes the dagger command in dir, where the rehearsal's command is.
func startDagger(ctx context.Context, r *runner, dir string) (*dagger, error) {
	d := &dagger{runner: r, folder: filepath.Join(dir, "bin"), socket: filepath.Join(dir, "dagger.sock"), results: map[string][]byte{}}
	if err := os.Mkdir(d.folder, 0o755); err != nil {
		return nil, fmt.Errorf("making the dagger command: %w", err)
	}
	script := fmt.Sprintf("#!/bin/sh\nexec %q stand-in dagger -- \"$@\"\n", filepath.Join(dir, "rehearse"))
	if err := os.WriteFile(filepath.Join(d.folder, "dagger"), []byte(script), 0o755); err != nil {
		return nil, fmt.Errorf("making the dagger command: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", d.socket)
	if err != nil {
		return nil, fmt.Errorf("listening for calls of dagger: %w", err)
	}
	d.server = &http.Server{Handler: http.HandlerFunc(d.serve), ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx }}
	go func() { _ = d.server.Serve(listener) }() // it ends when it is closed
	return d, nil
}

func (d *dagger) close() error { return d.server.Close() }

func (d *dagger) serve(w http.ResponseWriter, r *http.Request) {
	var request DaggerRequest
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	stdout, err := d.call(r.Context(), request)
	answer := DaggerAnswer{Stdout: string(stdout)}
	var failed *rehearsal.StageError
	switch {
	case errors.As(err, &failed):
		answer.Exit, answer.Stderr = failed.Exit, failed.Said+"\n"
	case err != nil:
		answer.Exit, answer.Stderr = 1, "Error: "+err.Error()+"\n"
	}
	_ = json.NewEncoder(w).Encode(answer) // a caller that is gone needs no answer
}

// result returns the JSON of a stage's last run, and forgets it.
func (d *dagger) result(stage string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer delete(d.results, stage)
	return d.results[stage]
}

// call runs one `dagger … call …`.
func (d *dagger) call(ctx context.Context, r DaggerRequest) ([]byte, error) {
	root, err := repositoryRoot(r.Dir)
	if err != nil {
		return nil, err
	}
	functions, err := daggermodule.Read(filepath.Join(root, ".dagger"))
	if err != nil {
		return nil, err
	}
	defaults, err := localDefaults(root, r.Env)
	if err != nil {
		return nil, err
	}
	args, err := afterCall(r.Args)
	if err != nil {
		return nil, err
	}
	chain, err := daggermodule.Parse(functions, args, defaults)
	if err != nil {
		return nil, err
	}
	if len(chain) < 2 {
		return nil, errors.New("the stand-in for dagger runs a function, and none is named")
	}
	stage := chain[1].Name
	out, err := d.run(ctx, r, root, chain)
	if err == nil {
		d.mu.Lock()
		d.results[stage] = out
		d.mu.Unlock()
	}
	return out, err
}

// run runs a chain on the engine, or in its place.
func (d *dagger) run(ctx context.Context, r DaggerRequest, root string, chain []daggermodule.Step) ([]byte, error) {
	if d.real != nil {
		return d.real.call(ctx, r, chain[1].Name)
	}
	in, err := os.MkdirTemp("", "gitops-stage-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the stage: %w", err)
	}
	defer os.RemoveAll(in)
	s := &stageCall{dagger: d, constructor: chain[0], Step: chain[1], root: root, dir: r.Dir, in: in, env: environment(r.Env)}
	return s.run(ctx, chain[2:])
}

// afterCall returns what follows `call`. The flags before it are about the output; a
// module by reference needs an engine.
func afterCall(args []string) ([]string, error) {
	for n, arg := range args {
		switch {
		case arg == "call":
			return args[n+1:], nil
		case arg == "-m", strings.HasPrefix(arg, "--mod"):
			return nil, errors.New("the stand-in for dagger runs the module of the checkout alone: no " + arg)
		}
	}
	return nil, fmt.Errorf("the stand-in for dagger runs `dagger call`, not %q", args)
}

// repositoryRoot returns the root of the checkout that dir is in.
func repositoryRoot(dir string) (string, error) {
	for root := dir; root != filepath.Dir(root); root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, ".git")); err == nil {
			return root, nil
		}
	}
	return "", fmt.Errorf("%s is in no checkout", dir)
}

// localDefaults reads the .env of the repository as Dagger does: the lines that begin
// with the module's name, variables replaced by the caller's.
func localDefaults(root string, env []string) (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join(root, ".env"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	variables := environment(env)
	read, err := dotenv.ParseWithLookup(bytes.NewReader(text), func(name string) (string, bool) {
		value, set := variables[name]
		return value, set
	})
	if err != nil {
		return nil, fmt.Errorf("reading .env: %w", err)
	}
	defaults := map[string]string{}
	for name, value := range read {
		if argument, found := strings.CutPrefix(name, "GITOPS_"); found {
			defaults[argument] = value
		}
	}
	return defaults, nil
}

func environment(env []string) map[string]string {
	all := map[string]string{}
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		all[name] = value
	}
	return all
}

// imageOf is the image that the module runs a stage in.
var imageOf = map[string]string{
	"plan": images.Terraform, "drift": images.Terraform, "deploy": images.Cosign,
	"review": images.Git, "rollback": images.Git, "status": images.Git, "unlock": images.Git,
}
