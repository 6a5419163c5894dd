package robot

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"gitops/ci/program"
	"gitops/ci/sshagent"
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
		if g.keys, err = sshagent.Start(filepath.Join(g.folder, "agent"), o.SSHKey); err != nil {
			return "", err
		}
		args = append(args, "-F", "none", "-o", "IdentityFile=none", "-o", "IdentityAgent="+g.keys.Socket)
	}
	return program.Quote(args...), nil
}
