package robot

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"gitops/ci/progress"
	"gitops/ci/secret"
)

// authorization returns the settings that send the token to the repository's
// server and to no other. To this machine it may go unencrypted, but not through
// a proxy.
func authorization(o Options) []setting {
	address, err := url.Parse(o.RepoURL)
	if o.Token.Empty() || err != nil || (address.Scheme != "http" && address.Scheme != "https") {
		return nil
	}
	credentials := base64.StdEncoding.EncodeToString([]byte(o.Username + ":" + o.Token.Reveal()))
	server := fmt.Sprintf("http.%s://%s/.", address.Scheme, address.Host)
	settings := []setting{{server + extraHeader, "Authorization: Basic " + credentials}}
	if address.Scheme == "http" {
		settings = append(settings, setting{server + "proxy", ""})
	}
	return settings
}

// extraHeader is the setting of git with a header of every request.
const extraHeader = "extraHeader"

// sshCommand returns how git calls ssh: without questions, and never without
// checking the host's key.
func (g *git) sshCommand(o Options) (string, error) {
	args := []string{"ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=15"}
	if len(o.KnownHosts) > 0 {
		file := filepath.Join(g.folder, "known_hosts")
		if err := os.WriteFile(file, o.KnownHosts, 0o600); err != nil {
			return "", fmt.Errorf("writing known_hosts: %w", err)
		}
		args = append(args, "-o", "UserKnownHostsFile="+file, "-o", "GlobalKnownHostsFile="+os.DevNull)
	}
	if !o.SSHKey.Empty() {
		var err error
		if g.keys, err = startKeyAgent(filepath.Join(g.folder, "agent"), o.SSHKey); err != nil {
			return "", err
		}
		args = append(args, "-F", "none", "-o", "IdentityFile=none", "-o", "IdentityAgent="+g.keys.address)
	}
	return quote(args), nil
}

// quote joins args for the shell through which git calls ssh.
func quote(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
	}
	return strings.Join(quoted, " ")
}

// keyAgent is an ssh agent with one key, which thus never is a file.
type keyAgent struct {
	address  string
	listener net.Listener
}

// parseSSHKey reads the private key for a repository over ssh.
func parseSSHKey(pem secret.Value) (any, error) {
	key, err := ssh.ParseRawPrivateKey([]byte(pem.Reveal()))
	if err != nil {
		return nil, progress.Invalid("reading the ssh key: %w: give a private key in PEM without a passphrase", err)
	}
	return key, nil
}

func startKeyAgent(address string, pem secret.Value) (*keyAgent, error) {
	key, err := parseSSHKey(pem)
	if err != nil {
		return nil, err
	}
	keyring := agent.NewKeyring()
	if err := keyring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		return nil, progress.Invalid("using the ssh key: %w", err)
	}
	listener, err := net.Listen("unix", address)
	if err != nil {
		return nil, fmt.Errorf("starting an ssh agent: %w", err)
	}
	go serve(listener, keyring)
	return &keyAgent{address, listener}, nil
}

func serve(listener net.Listener, keyring agent.Agent) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return // closed
		}
		go func() {
			defer connection.Close()
			_ = agent.ServeAgent(keyring, connection) // ends with the connection
		}()
	}
}

func (k *keyAgent) close() {
	if k != nil {
		k.listener.Close()
	}
}
