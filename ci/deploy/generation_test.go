package deploy

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// labels reads lines of key=value.
func labels(lines string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(lines) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			all[key] = value
		}
	}
	return all
}

func TestLabelsOfAGeneration(t *testing.T) {
	const marker = `traefik.http.routers.gitops-web-g8.priority=1000000
		traefik.http.routers.gitops-web-g8.service=noop@internal
		gitops.generation=8
		` + "traefik.http.routers.gitops-web-g8.rule=Path(`/.gitops/web-g8`)\n"
	const replaced = "gitops.replaces=http web\n" +
		"traefik.http.routers.web.rule=Path(`/.gitops/web-g8/replaced`)\ntraefik.http.routers.web.service=noop@internal\n"
	for name, c := range map[string]struct{ manifest, want string }{
		"router and service": {
			"traefik.enable=true\ntraefik.http.routers.web.rule=PathPrefix(`/`)\ntraefik.http.routers.web.priority=1\ntraefik.http.services.web.loadbalancer.server.port=80\nother=x",
			"traefik.enable=true\nother=x\ntraefik.http.routers.web-g8.rule=PathPrefix(`/`)\ntraefik.http.routers.web-g8.priority=1\n" +
				"traefik.http.routers.web-g8.service=web-g8\ntraefik.http.services.web-g8.loadbalancer.server.port=80\n" + marker + replaced},
		"router alone": {
			"traefik.http.routers.web.rule=Host(`${HOST}`)\ntraefik.http.routers.web.entrypoints=websecure\ntraefik.http.routers.web.tls.certresolver=le",
			"traefik.http.routers.web-g8.rule=Host(`${HOST}`)\ntraefik.http.routers.web-g8.entrypoints=websecure\ntraefik.http.routers.web-g8.tls.certresolver=le\n" +
				"traefik.http.routers.web-g8.service=web-g8\ntraefik.http.services.web-g8.loadbalancer.passhostheader=true\n" +
				"traefik.http.routers.gitops-web-g8.entrypoints=websecure\ntraefik.http.routers.gitops-web-g8.tls=true\n" + marker + replaced},
		"its own middlewares and those of others": {
			"traefik.http.routers.web.rule=Host(`h`)\ntraefik.http.routers.web.middlewares=auth@docker, zip,all,limit@file\ntraefik.http.middlewares.auth.basicauth.users=${USERS}\n" +
				"traefik.http.middlewares.all.chain.middlewares=auth,zip\ntraefik.http.services.w.loadbalancer.server.port=1\ntraefik.http.routers.web.service=w@docker",
			"traefik.http.routers.web-g8.rule=Host(`h`)\ntraefik.http.routers.web-g8.middlewares=auth-g8,zip,all-g8,limit@file\ntraefik.http.middlewares.auth-g8.basicauth.users=${USERS}\n" +
				"traefik.http.middlewares.all-g8.chain.middlewares=auth-g8,zip\ntraefik.http.services.w-g8.loadbalancer.server.port=1\ntraefik.http.routers.web-g8.service=w-g8\n" + marker + replaced},
		"case of keys and several services": {
			"traefik.HTTP.Routers.web.Rule=Host(`h`)\ntraefik.http.routers.web.Service=a\ntraefik.http.services.a.loadBalancer.server.port=1\ntraefik.http.services.b.loadbalancer.server.port=2",
			"traefik.http.routers.web-g8.Rule=Host(`h`)\ntraefik.http.routers.web-g8.Service=a-g8\ntraefik.http.services.a-g8.loadBalancer.server.port=1\ntraefik.http.services.b-g8.loadbalancer.server.port=2\n" + marker + replaced},
		"UDP stays": {
			"traefik.udp.routers.dns.entrypoints=dns\ntraefik.udp.services.dns.loadbalancer.server.port=53",
			"traefik.udp.routers.dns.entrypoints=dns\ntraefik.udp.services.dns.loadbalancer.server.port=53\ngitops.generation=8\n" + replaced},
	} {
		g := generation{number: 8, replaces: []string{"http web"}}
		got, want := g.labels("web", labels(c.manifest)), labels(c.want)
		if !maps.Equal(got, want) {
			for _, key := range slices.Compact(slices.Sorted(maps.Keys(got))) {
				if want[key] != got[key] {
					t.Errorf("%s: has %s=%s, want %q", name, key, got[key], want[key])
				}
			}
			for key := range want {
				if _, ok := got[key]; !ok {
					t.Errorf("%s: lacks %s", name, key)
				}
			}
		}
		if read := generationOf(got); read.number != 8 || !slices.Equal(read.replaces, g.replaces) {
			t.Errorf("%s: the labels tell generation %+v", name, read)
		}
	}
}

// What follows a generation replaces its routers, and not what that one replaced.
func TestAfter(t *testing.T) {
	manifest := labels("traefik.http.routers.web.rule=Host(`h`)\ntraefik.tcp.routers.db.rule=HostSNI(`*`)")
	first := after([]map[string]string{manifest})
	if first.number != 1 || !slices.Equal(first.replaces, []string{"http web", "tcp db"}) {
		t.Fatalf("after the manifest's own labels: %+v", first)
	}
	second := after([]map[string]string{first.labels("web", manifest)})
	if second.number != 2 || !slices.Equal(second.replaces, []string{"http web-g1", "tcp db-g1"}) {
		t.Errorf("after generation 1: %+v", second)
	}
	third := after([]map[string]string{second.labels("web", manifest), first.labels("web", manifest)})
	if third.number != 3 || !slices.Equal(third.replaces, []string{"http web-g1", "http web-g2", "tcp db-g1", "tcp db-g2"}) {
		t.Errorf("after generations 2 and 1, which a killed run left: %+v", third)
	}
	if got := third.labels("web", manifest); got["traefik.tcp.routers.db-g2.entrypoints"] != "gitops-replaced" {
		t.Errorf("the TCP router of generation 2 is not replaced: %v", got)
	}
	if zero := (generation{}).labels("web", manifest); !maps.Equal(zero, manifest) {
		t.Errorf("generation 0 has the labels %v", zero)
	}
}
