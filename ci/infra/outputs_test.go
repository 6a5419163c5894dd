package infra

import (
	"encoding/json"
	"gitops/ci/lab/texttest"
	"strings"
	"testing"
)

const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOSdtKWwhW9wkEmXrBbbAsyEVbIinCbsbxC6lhkJlEdI"

// output is what Terraform 1.11.4 prints for outputs, with values put in.
func output(ip, user, key string) []byte {
	quoted := func(text string) string { data, _ := json.Marshal(text); return string(data) }
	return []byte(`{
  "instance_id": {"sensitive": false, "type": "string", "value": "i-1"},
  "password": {"sensitive": true, "type": "string", "value": "hunter2hunter2"},
  "ports": {"sensitive": false, "type": ["list", "number"], "value": [80, 22]},
  "ssh_host_public_key": {"sensitive": false, "type": "string", "value": ` + quoted(key) + `},
  "ssh_user": {"sensitive": false, "type": "string", "value": ` + quoted(user) + `},
  "static_ip": {"sensitive": false, "type": "string", "value": ` + quoted(ip) + `}
}`)
}

func TestParseOutputs(t *testing.T) {
	o, err := ParseOutputs(output("203.0.113.7", "ubuntu", hostKey+" a comment"))
	if err != nil {
		t.Fatal(err)
	}
	if o.StaticIP != "203.0.113.7" || o.SSHUser != "ubuntu" || !strings.HasPrefix(o.SSHHostPublicKey, hostKey) {
		t.Errorf("%+v", o)
	}
	hosts, err := o.KnownHosts()
	if want := "203.0.113.7 " + hostKey + "\n"; err != nil || string(hosts) != want {
		t.Errorf("known_hosts %q, %v, want %q", hosts, err, want)
	}
	if strings.Contains(string(o.Raw), "hunter2") || !strings.Contains(string(o.Raw), `"i-1"`) {
		t.Errorf("raw: %s", o.Raw)
	}
	again, err := ParseOutputs(o.Raw)
	if err != nil || string(again.Raw) != string(o.Raw) || again.StaticIP != o.StaticIP {
		t.Errorf("reading what was written: %+v, %v", again, err)
	}
}

func withPort(t *testing.T, port string) []byte {
	t.Helper()
	return []byte(texttest.Replace(t, string(output("203.0.113.7", "ubuntu", hostKey)), "{", `{"ssh_port": {"sensitive": false, "type": "number", "value": `+port+`},`))
}

func TestOutputsWithAPort(t *testing.T) {
	o, err := ParseOutputs(withPort(t, "2222"))
	if err != nil || o.Address() != "203.0.113.7:2222" {
		t.Fatalf("%+v, %v", o, err)
	}
	hosts, err := o.KnownHosts()
	if want := "[203.0.113.7]:2222 " + hostKey + "\n"; err != nil || string(hosts) != want {
		t.Errorf("known_hosts %q, %v, want %q", hosts, err, want)
	}
}

// listing is what Terraform prints for outputs with a list of hosts alone.
func listing(hosts string) []byte {
	return []byte(`{"hosts": {"sensitive": false, "type": ["list", "dynamic"], "value": ` + hosts + `}}`)
}

func TestOutputsWithSeveralHosts(t *testing.T) {
	o, err := ParseOutputs(listing(`[{"address": "203.0.113.7", "user": "ubuntu", "host_public_key": "` + hostKey + `"},
		{"address": "203.0.113.8", "user": "admin", "port": 2222, "host_public_key": "` + hostKey + `"}]`))
	if err != nil || len(o.Hosts) != 2 {
		t.Fatalf("%+v, %v", o, err)
	}
	if o.Address() != "203.0.113.7" || o.Hosts[1].Address() != "203.0.113.8:2222" || o.Hosts[1].SSHUser != "admin" {
		t.Errorf("%+v", o)
	}
	// One that is about something else is nobody's mistake.
	other := texttest.Replace(t, string(output("203.0.113.7", "ubuntu", hostKey)), "{", `{"hosts": {"sensitive": false, "type": "string", "value": "a"},`)
	if o, err := ParseOutputs([]byte(other)); err != nil || o.Hosts != nil || o.StaticIP != "203.0.113.7" {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestParseOutputsRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"no JSON":            {[]byte("No outputs found"), "terraform output -json"},
		"nothing applied":    {[]byte("{}"), "is missing"},
		"no address":         {output("host.example", "ubuntu", hostKey), "static_ip"},
		"empty address":      {output("", "ubuntu", hostKey), "static_ip is missing"},
		"option as user":     {output("203.0.113.7", "-oProxyCommand=x", hostKey), "not a user name"},
		"no key":             {output("203.0.113.7", "ubuntu", "ssh-ed25519 AAAA"), "ssh_host_public_key"},
		"no port number":     {withPort(t, `"ssh"`), "ssh_port"},
		"no such port":       {withPort(t, "65536"), "ssh_port"},
		"no list of hosts":   {listing(`"203.0.113.7"`), "host_public_key"},
		"host without a key": {listing(`[{"address": "203.0.113.7", "user": "ubuntu"}]`), "hosts[0]"},
		"two lines of keys":  {output("203.0.113.7", "ubuntu", hostKey+"\n"+hostKey), "more than one line"},
		"list as an address": {[]byte(texttest.Replace(t, string(output("203.0.113.7", "ubuntu", hostKey)), `"203.0.113.7"`, `[1]`)), "static_ip"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseOutputs(test.data)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q in it", err, test.want)
			}
		})
	}
}
