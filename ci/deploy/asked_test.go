package deploy

import (
	"slices"
	"testing"

	"gitops/ci/host"
)

// Another project's Traefik on the host says nothing of this one's services.
func TestWhichTraefikIsAsked(t *testing.T) {
	const (
		ours   = `{"networks":{"web_net":{"IPAddress":"172.18.0.2"}},"ports":{"80/tcp":null},"args":[]}` + "\n"
		theirs = `{"networks":{"other":{"IPAddress":"172.19.0.2"}},"ports":{"80/tcp":null},"args":[]}` + "\n"
	)
	for name, c := range map[string]struct {
		out  string
		want []string
	}{
		"ours beside theirs":  {theirs + ours, []string{"172.18.0.2:80", "172.18.0.2:8080"}},
		"none in our network": {theirs, nil},
		"on the host's":       {`{"networks":{"host":{"IPAddress":""}},"ports":{},"args":["--entrypoints.web.address=:80"]}` + "\n", []string{"127.0.0.1:80", "127.0.0.1:8080"}},
		"no Traefik whatever": {"", nil},
	} {
		p, err := newProxy((&host.Client{}), c.out, []string{"web_net"})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		if p != nil {
			got = p.addresses
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: asks %v, want %v", name, got, c.want)
		}
	}
}
