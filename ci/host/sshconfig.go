package host

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kevinburke/ssh_config"

	"gitops/ci/progress"
)

// SSHConfig is a file in OpenSSH's format of ssh_config(5). It says where hosts are
// and who logs in, and cannot weaken the check of host keys.
type SSHConfig struct {
	file   string
	parsed *ssh_config.Config
}

// Alias is what an SSHConfig says about one host. A field that the file leaves out
// is empty.
type Alias struct {
	// Address is host or host:port, the name itself where the file has no HostName.
	Address, User string
	// Jumps are the hosts of ProxyJump in their order, user@host:port.
	Jumps []string
	// KeyFile is the first IdentityFile that exists, and CertificateFile the
	// certificate beside it or that of the option of this name.
	KeyFile, CertificateFile string
	// KnownHosts is the content of the files that UserKnownHostsFile names.
	KnownHosts []byte
	// HostKeyAlias is the name that known_hosts has the host by.
	HostKeyAlias string
	// Ignored has a sentence for each option that is not followed, and why.
	Ignored []string
}

// ReadSSHConfig reads a file, with those that it includes.
func ReadSSHConfig(file string) (*SSHConfig, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, progress.Invalid("reading the SSH configuration: %w", err)
	}
	parsed, err := ssh_config.DecodeBytes(text)
	if err != nil {
		return nil, progress.Invalid("reading the SSH configuration %s: %w", file, err)
	}
	return &SSHConfig{file: file, parsed: parsed}, nil
}

// Lookup returns what the file says about name, as ssh name would read it.
func (c *SSHConfig) Lookup(name string) (Alias, error) {
	l := lookup{config: c, name: name}
	var a Alias
	if l.refused() == nil {
		a = l.alias()
	}
	if l.err != nil {
		return Alias{}, progress.Invalid("%s: host %s: %w", c.file, name, l.err)
	}
	return a, nil
}

// lookup reads the options of one host. The first error stays.
type lookup struct {
	config           *SSHConfig
	name             string
	host, port, user string
	err              error
}

func (l *lookup) alias() Alias {
	l.host = l.name
	if name := l.one("HostName"); name != "" {
		l.host = name
	}
	l.port, l.user = l.one("Port"), l.one("User")
	a := Alias{Address: l.host, User: l.user, HostKeyAlias: l.one("HostKeyAlias"), Jumps: jumps(l.one("ProxyJump")), Ignored: l.ignored()}
	if l.port != "" {
		a.Address = net.JoinHostPort(strings.Trim(l.host, "[]"), l.port)
	}
	a.KeyFile = l.existing(l.all("IdentityFile"))
	a.CertificateFile = l.existing(append(l.all("CertificateFile"), a.KeyFile+"-cert.pub"))
	a.KnownHosts = l.knownHosts()
	return a
}

// refused is the error for an option that leads elsewhere when it is left out.
func (l *lookup) refused() error {
	command := l.raw("ProxyCommand")
	if len(command) > 0 && !strings.EqualFold(command[0], "none") {
		l.fail("ProxyCommand runs a program, which nothing here does: give ProxyJump or --jump instead")
	}
	return l.err
}

// weaker are the values of options that check host keys less, or learn them.
var weaker = map[string][]string{
	"StrictHostKeyChecking": {"no", "off", "accept-new", "ask"},
	"UpdateHostKeys":        {"yes", "ask"},
	"VerifyHostKeyDNS":      {"yes", "ask"},
}

func (l *lookup) ignored() (sentences []string) {
	for _, option := range slices.Sorted(maps.Keys(weaker)) {
		if given := l.raw(option); len(given) > 0 && slices.Contains(weaker[option], strings.ToLower(given[0])) {
			sentences = append(sentences, fmt.Sprintf("%s: %s of host %s is ignored: a host key is known beforehand or refused", l.config.file, option, l.name))
		}
	}
	if len(l.raw("KnownHostsCommand")) > 0 {
		sentences = append(sentences, fmt.Sprintf("%s: KnownHostsCommand of host %s is ignored: nothing here runs programs for it", l.config.file, l.name))
	}
	return sentences
}

// raw returns the values of an option as they stand.
func (l *lookup) raw(option string) []string {
	values, err := l.config.parsed.GetAll(l.name, option)
	if err != nil && l.err == nil {
		l.err = err
	}
	for i, value := range values {
		values[i] = strings.Trim(strings.TrimSpace(value), `"`)
	}
	return values
}

// all returns the values of an option with their tokens replaced.
func (l *lookup) all(option string) []string {
	values := l.raw(option)
	for i, value := range values {
		values[i] = l.expand(option, value)
	}
	return values
}

// one returns the value of an option that has one: the first, as ssh takes it.
func (l *lookup) one(option string) string {
	if values := l.all(option); len(values) > 0 {
		return values[0]
	}
	return ""
}

func jumps(value string) []string {
	if value == "" || strings.EqualFold(value, "none") {
		return nil
	}
	return strings.Split(value, ",")
}

// expand replaces the tokens of ssh_config(5) that mean the same here.
func (l *lookup) expand(option, value string) string {
	home := homeDir()
	tokens := map[byte]string{'%': "%", 'd': home, 'h': l.host, 'n': l.name, 'p': cmp.Or(l.port, defaultPort), 'r': l.user}
	var out strings.Builder
	for i := 0; i < len(value); i++ {
		if value[i] != '%' {
			out.WriteByte(value[i])
			continue
		}
		i++
		if i == len(value) || tokens[value[i]] == "" {
			l.fail("%s has a token after %% that is not known here: there are %%%%, %%d, %%h, %%n, %%p, %%r", option)
			return ""
		}
		out.WriteString(tokens[value[i]])
	}
	return out.String()
}

func (l *lookup) fail(format string, args ...any) {
	if l.err == nil {
		l.err = fmt.Errorf(format, args...)
	}
}

// homeDir returns the home of the user; without one its paths do not exist.
func homeDir() string {
	home, _ := os.UserHomeDir()
	return home
}

// path returns a file's path, where ~ is the home.
func path(file string) string {
	if rest, found := strings.CutPrefix(file, "~/"); found {
		return filepath.Join(homeDir(), rest)
	}
	return file
}

// existing returns the first file that exists, as ssh leaves out the others. A
// public key names a key of the agent.
func (l *lookup) existing(files []string) string {
	for _, file := range files {
		file = path(file)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && (strings.HasSuffix(file, "-cert.pub") || !strings.HasSuffix(file, ".pub")) {
			return file
		}
	}
	return ""
}

func (l *lookup) knownHosts() []byte {
	var content [][]byte
	for _, file := range strings.Fields(l.one("UserKnownHostsFile")) {
		text, err := os.ReadFile(path(file))
		if err != nil && !os.IsNotExist(err) {
			l.fail("reading UserKnownHostsFile: %w", err)
		}
		content = append(content, text)
	}
	return bytes.Join(content, []byte("\n"))
}
