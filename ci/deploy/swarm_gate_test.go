package deploy

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// swarmLines is what swarm-tasks.sh writes of a service with two replicas.
func swarmLines(update string, tasks ...string) string {
	lines := []string{
		"time 20260102T030405Z",
		`service {"id":"s1","name":"shop_web","labels":{"com.docker.stack.image":"r/web:1"},"own":{"gitops.definition":"new"},"image":"r/web:1@` + webDigest + `","mode":{"Replicated":{"Replicas":2}},"update":` + update + `}`,
		`node {"id":"n1","name":"node1","status":"Ready"}`, `node {"id":"n2","name":"node2","status":"Down"}`,
	}
	return strings.Join(append(lines, tasks...), "\n") + "\n"
}

const webDigest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func taskLine(id, node, definition, desired, state, err string) string {
	return fmt.Sprintf(`task {"id":%q,"service":"s1","node":%q,"slot":1,"desired":%q,"created":"2026-01-02T03:04:05Z","own":{"gitops.definition":%q},"image":"r/web:1@%s","status":{"State":%q,"Err":%q,"ContainerStatus":{"ExitCode":3}}}`,
		id, node, desired, definition, webDigest, state, err)
}

func TestSwarmGateJudges(t *testing.T) {
	running := func(id string) string { return taskLine(id, "n1", "new", "running", "running", "") }
	failed := func(id string) string {
		return taskLine(id, "n1", "new", "shutdown", "failed", "task: non-zero exit (3)")
	}
	rejected := func(id string) string {
		return taskLine(id, "n1", "new", "shutdown", "rejected", "No such image: r/web:1")
	}
	const none, updating, completed = "null", `{"State":"updating"}`, `{"State":"completed"}`
	for name, c := range map[string]struct {
		update  string
		tasks   []string
		waiting string // what it waits for
		fails   string
	}{
		"ready":                  {none, []string{running("1"), running("2")}, "", ""},
		"an update that ended":   {completed, []string{running("1"), running("2")}, "", ""},
		"an update that goes on": {updating, []string{running("1"), running("2")}, "2 of 2 tasks are ready", ""},
		"one is missing":         {none, []string{running("1")}, "1 of 2 tasks are ready", ""},
		"one starts":             {none, []string{running("1"), taskLine("2", "n1", "new", "running", "starting", "")}, "1 of 2 tasks are ready, one is starting", ""},
		"one finds no node":      {none, []string{running("1"), taskLine("2", "", "new", "running", "pending", "no suitable node")}, "one is pending (no suitable node)", ""},
		"one of before":          {none, []string{running("1"), taskLine("2", "n1", "old", "running", "running", "")}, "1 of 2 tasks are ready", ""},
		"a paused update":        {`{"State":"paused","Message":"update paused due to failure"}`, []string{running("1"), failed("2")}, "", "stopped its update: update paused due to failure; task web.1 on node1 is failed (task: non-zero exit (3))"},
		"Swarm went back":        {`{"State":"rollback_completed","Message":"rollback completed"}`, nil, "", "stopped its update: rollback completed"},
		"a crash is forgiven":    {none, []string{running("1"), running("2"), failed("3")}, "", ""},
		"many are not":           {none, []string{running("1"), failed("3"), failed("4"), failed("5")}, "", "does not get ready; task web.1 on node1 is failed"},
		"an image is missing":    {none, []string{rejected("3"), rejected("4")}, "", "No such image: r/web:1"},
		"one that ended":         {none, []string{taskLine("1", "n1", "new", "shutdown", "complete", ""), running("2")}, "1 of 2 tasks are ready", ""},
		"one that ends and ends": {none, []string{running("1"), taskLine("3", "n1", "new", "shutdown", "complete", ""), taskLine("4", "n1", "new", "shutdown", "complete", ""), taskLine("5", "n1", "new", "shutdown", "complete", "")}, "", "task web.1 on node1 is complete"},
		"failures of before":     {none, []string{running("1"), running("2"), failed("old-1"), failed("old-2"), failed("old-3")}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			now, err := parseSwarm(swarmLines(c.update, c.tasks...), "shop")
			if err != nil {
				t.Fatal(err)
			}
			g := swarmGate{stack: swarmStack{services: map[string]swarmService{"web": {scale: 2}}}, restarts: 2, since: map[string]time.Time{},
				before: map[string]bool{"old-1": true, "old-2": true, "old-3": true}}
			waiting, _, err := g.judge(now, time.Now())
			switch {
			case c.fails != "":
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("%v, want %q", err, c.fails)
				}
			case err != nil:
				t.Error(err)
			case c.waiting == "" && waiting != nil:
				t.Errorf("it waits: %s", waiting.State)
			case c.waiting != "" && (waiting == nil || !strings.Contains(waiting.State, c.waiting)):
				t.Errorf("it does not wait for %q: %v", c.waiting, waiting)
			}
		})
	}
}

// A task that has just started counts once it is stable.
func TestSwarmGateWantsStableTasks(t *testing.T) {
	now, err := parseSwarm(swarmLines("null", taskLine("1", "n1", "new", "running", "running", ""), taskLine("2", "n1", "new", "running", "running", "")), "shop")
	if err != nil {
		t.Fatal(err)
	}
	g := swarmGate{stack: swarmStack{services: map[string]swarmService{"web": {scale: 2}}}, stable: time.Second, since: map[string]time.Time{}}
	begun := time.Now()
	for _, c := range []struct {
		after time.Duration
		done  bool
	}{{0, false}, {900 * time.Millisecond, false}, {time.Second, true}} {
		if waiting, _, err := g.judge(now, begun.Add(c.after)); err != nil || (waiting == nil) != c.done {
			t.Errorf("after %s: %v, %v", c.after, waiting, err)
		}
	}
}

func TestSwarmTasksLeftOver(t *testing.T) {
	for name, c := range map[string]struct {
		line string
		want bool
	}{
		"never ran on a node that is gone": {taskLine("1", "n2", "new", "shutdown", "starting", ""), true},
		"ran there":                        {taskLine("1", "n2", "new", "shutdown", "running", ""), false},
		"still wanted":                     {taskLine("1", "n2", "new", "running", "starting", ""), false},
		"on a node that answers":           {taskLine("1", "n1", "new", "shutdown", "starting", ""), false},
	} {
		now, err := parseSwarm(swarmLines("null", c.line), "shop")
		if err != nil || now.tasks[0].leftOver() != c.want {
			t.Errorf("%s: %v, %v", name, now.tasks[0].leftOver(), err)
		}
	}
	now, _ := parseSwarm(swarmLines("null", taskLine("1", "n1", "new", "running", "running", "")), "shop")
	ended, _ := parseSwarm(swarmLines("null", taskLine("1", "n1", "new", "shutdown", "complete", ""), taskLine("2", "n1", "old", "shutdown", "complete", ""), taskLine("3", "n1", "new", "shutdown", "failed", "")), "shop")
	if list := ended.list(); len(list) != 1 || list[0].id != "1" || list[0].State != "exited" {
		t.Errorf("what ended is %+v", list)
	}
	if s := now.list()[0]; s.Service != "web" || s.Ref != "r/web:1" || s.Digest != "r/web@"+webDigest || s.Node != "node1" || s.Container != "web.1" {
		t.Errorf("the task is %+v", s)
	}
}
