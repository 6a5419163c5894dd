package ansible

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"gitops/ci/program"
	"gitops/ci/secret"
	"gitops/ci/sshagent"
)

// files is the temporary folder of one run: the callback, the known hosts, the
// sockets. The login key is not in it: it stays in this process, behind an agent.
type files struct {
	dir         string
	agent       *sshagent.Agent
	ssh         string   // further arguments of ssh
	collections []string // the variable with which Ansible finds them
}

func newFiles(o Options) (*files, error) {
	// A short path: sockets below it have about 100 bytes for theirs.
	dir, err := os.MkdirTemp("", "ansible-")
	if err != nil {
		return nil, err
	}
	f := &files{dir: dir}
	if err := f.fill(o); err != nil {
		f.remove()
		return nil, err
	}
	return f, nil
}

func (f *files) fill(o Options) error {
	for _, dir := range []string{"plugins", "control", "tmp"} {
		if err := os.Mkdir(f.path(dir), 0o700); err != nil {
			return err
		}
	}
	return errors.Join(
		os.WriteFile(f.path("plugins/gitops_events.py"), eventsPlugin, 0o600),
		os.WriteFile(f.path("known_hosts"), o.KnownHosts, 0o600),
		f.certify(o.Certificate, o.HostKeyAlias),
		f.lend(o.PrivateKey))
}

// certify has ssh log in with a certificate, whose key the agent has, and look for the
// host's key by another name.
func (f *files) certify(certificate []byte, alias string) error {
	if alias != "" {
		f.ssh += fmt.Sprintf(` -o 'HostKeyAlias="%s"'`, alias)
	}
	if len(certificate) == 0 {
		return nil
	}
	f.ssh += fmt.Sprintf(` -o 'CertificateFile="%s"'`, f.path("certificate.pub"))
	return os.WriteFile(f.path("certificate.pub"), certificate, 0o600)
}

// lend makes key usable for ssh through an agent; none when there is no key.
func (f *files) lend(key secret.Value) error {
	if key.Empty() {
		return nil
	}
	agent, err := sshagent.Start(f.path("agent"), key)
	f.agent = agent
	return err
}

func (f *files) path(name string) string { return filepath.Join(f.dir, name) }

// environment configures Ansible. What stands here wins over any ansible.cfg.
// Of an option given twice ssh takes the first, so nothing later weakens the
// host key check.
func (f *files) environment() []string {
	ssh := fmt.Sprintf(`-o StrictHostKeyChecking=yes -o 'UserKnownHostsFile="%s"' -o GlobalKnownHostsFile=/dev/null `+
		`-o UpdateHostKeys=no -o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=15 -o ServerAliveCountMax=3 `+
		`-o ControlMaster=auto -o ControlPersist=60s`, f.path("known_hosts")) + f.ssh
	environment := []string{
		"ANSIBLE_CALLBACK_PLUGINS=" + f.path("plugins"),
		"ANSIBLE_CALLBACKS_ENABLED=gitops_events",
		"GITOPS_EVENTS=" + f.path("events"),
		"ANSIBLE_LOCAL_TEMP=" + f.path("tmp"),
		"ANSIBLE_SSH_CONTROL_PATH_DIR=" + f.path("control"),
		"ANSIBLE_HOST_KEY_CHECKING=True",
		"ANSIBLE_PIPELINING=True",
		"ANSIBLE_RETRY_FILES_ENABLED=False",
		"ANSIBLE_PYTHON_INTERPRETER=auto_silent",
		"ANSIBLE_NOCOLOR=1",
		"ANSIBLE_FORCE_COLOR=0",
		"LC_ALL=C.UTF-8",
	}
	if f.agent != nil {
		ssh += " -o IdentityFile=none"
		environment = append(environment, "SSH_AUTH_SOCK="+f.agent.Socket, "ANSIBLE_PRIVATE_KEY_FILE=")
	}
	return append(append(environment, f.collections...), "ANSIBLE_SSH_ARGS="+ssh)
}

// events returns the recap and the first failure of the run.
func (f *files) events() (Recap, error) {
	data, err := os.ReadFile(f.path("events"))
	if errors.Is(err, os.ErrNotExist) {
		return Recap{}, nil // it ended before its first play
	}
	if err != nil {
		return Recap{}, fmt.Errorf("reading the results of Ansible: %w", err)
	}
	return parseEvents(bytes.NewReader(data))
}

// remove ends what the run left behind and removes its folder.
func (f *files) remove() {
	f.hangUp()
	f.agent.Close()
	os.RemoveAll(f.dir)
}

// hangUp ends the ssh connections that ControlPersist keeps for a next run, as
// there is none.
func (f *files) hangUp() {
	sockets, err := os.ReadDir(f.path("control"))
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for _, socket := range sockets {
		path := filepath.Join(f.path("control"), socket.Name())
		_, _ = program.Run(ctx, program.Command{
			Name: "ssh", Args: []string{"-F", "none", "-o", "ControlPath=" + path, "-O", "exit", "any"}, Pass: program.Machine,
		}) // an error means that the connection is gone
	}
}
