package ansible

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const events = `{"event": "result", "task": "common : One", "host": "a", "status": "ok"}
{"event": "task", "task": "common : One", "changed": true, "seconds": 1.5}
{"event": "result", "task": "common : Two", "host": "a", "status": "failed", "message": "first"}
{"event": "result", "task": "common : Two", "host": "b", "status": "failed", "message": "second"}
{"event": "task", "task": "common : Two", "changed": false, "seconds": 3}
{"event": "host", "host": "a", "totals": {"ok": 1, "failures": 1, "unreachable": 0, "changed": 1, "skipped": 4, "rescued": 0, "ignored": 0}}
{"event": "host", "host": "b", "totals": {"ok": 1, "failures": 1, "unreachable": 0, "changed": 2, "skipped": 0, "rescued": 0, "ignored": 0}}
`

func TestParseEvents(t *testing.T) {
	recap, err := parseEvents(strings.NewReader(events))
	var failed *TaskError
	if !errors.As(err, &failed) || *failed != (TaskError{Task: "common : Two", Host: "a", Message: "first"}) {
		t.Errorf("got %v, want the first failure", err)
	}
	if got := recap.Changed(); got != 3 {
		t.Errorf("%d changed, want 3", got)
	}
	if len(recap.Tasks) != 2 || recap.Tasks[1].Name != "common : Two" || recap.Tasks[1].Seconds != 3 {
		t.Errorf("tasks %+v", recap.Tasks)
	}
	want := "a: 1 ok, 1 changed, 1 failed, 4 skipped\nb: 1 ok, 2 changed, 1 failed, 0 skipped"
	if recap.String() != want {
		t.Errorf("got %q, want %q", recap.String(), want)
	}
}

// A run killed while it wrote a line still tells what it did before.
func TestParseEventsCutOff(t *testing.T) {
	before, _, _ := strings.Cut(events, `"second"`)
	recap, err := parseEvents(strings.NewReader(before))
	var failed *TaskError
	if !errors.As(err, &failed) || len(recap.Tasks) != 1 {
		t.Errorf("got %+v, %v", recap, err)
	}
}

func TestWriteInventory(t *testing.T) {
	tests := map[string]struct {
		target Target
		want   string
	}{
		"plain": {Target{Address: "203.0.113.7", User: "ubuntu"}, `all:
    hosts:
        host:
            ansible_host: 203.0.113.7
            ansible_user: ubuntu
`},
		"port": {Target{Name: "web", Address: "host.local:2222", User: "debian"}, `all:
    hosts:
        web:
            ansible_host: host.local
            ansible_port: 2222
            ansible_user: debian
`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, err := WriteInventory(dir, test.target)
			if err != nil || path != filepath.Join(dir, "inventory.yml") {
				t.Fatalf("%q, %v", path, err)
			}
			if got, _ := os.ReadFile(path); string(got) != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
	for _, bad := range []Target{{User: "ubuntu"}, {Address: "a"}, {Address: "a:ssh", User: "ubuntu"}} {
		if _, err := WriteInventory(t.TempDir(), bad); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}
