package deploy

import (
	"fmt"
	"strings"
	"testing"
)

func TestReplicasTakeTurns(t *testing.T) {
	running := func(n int) (list []Service) {
		for i := range n {
			list = append(list, Service{id: fmt.Sprint("old", i), State: "running"})
		}
		return list
	}
	stopped := append(running(2), Service{id: "down", State: "exited"})
	for _, c := range []struct {
		name, deploy string
		old          []Service
		how, want    string
	}{
		{"one", "{}", running(1), SwitchNone, "2: old0"},
		{"three, one at a time", "{replicas: 3}", running(3), SwitchShared, "4: old0 | 4: old1 | 4: old2"},
		{"three, two at a time", "{replicas: 3, update_config: {parallelism: 2}}", running(3), SwitchNone, "5: old0 old1 | 4: old2"},
		{"all at once", "{replicas: 3, update_config: {parallelism: 0}}", running(3), SwitchNone, "6: old0 old1 old2"},
		{"behind Traefik", "{replicas: 3, update_config: {parallelism: 1}}", running(3), SwitchTraefik, "6: old0 old1 old2"},
		{"fewer than before", "{replicas: 1}", running(3), SwitchNone, "4: old0 old1 old2"},
		{"more than before", "{replicas: 3}", running(1), SwitchNone, "2: old0 | 2:  | 3: "},
		{"one is down", "{replicas: 2}", stopped, SwitchNone, "3: down | 4: old0 old1"},
		{"none", "{replicas: 0}", running(1), SwitchNone, "1: old0"},
	} {
		m := loaded(t, "services:\n  web: {image: x, deploy: "+c.deploy+"}\n")
		var got []string
		for _, part := range turns(m.Project.Services["web"], Action{Service: "web", Action: Roll, Switch: c.how, old: c.old}) {
			got = append(got, fmt.Sprintf("%d: %s", part.scale, strings.Join(leaving([]Action{part}), " ")))
		}
		if text := strings.Join(got, " | "); text != c.want {
			t.Errorf("%s: %s, want %s", c.name, text, c.want)
		}
	}
}
