package actions

import (
	"path"
	"strings"
)

type object = map[string]any

// payload is github.event, with the fields that workflows of this kind read.
func (a *Actions) payload(o *occurrence) object {
	event := object{
		"repository": a.repositoryBody(a.options.Repository),
		"sender":     object{"login": o.Actor},
	}
	if action := o.action(); action != "" {
		event["action"] = action
	}
	switch o.Name {
	case "push":
		before := o.Before
		if before == "" {
			before = strings.Repeat("0", 40)
		}
		event["ref"], event["before"], event["after"] = o.ref, before, o.sha
		event["created"], event["deleted"], event["forced"] = o.Before == "", false, false
		event["head_commit"] = object{"id": o.sha}
		event["pusher"] = object{"name": o.Actor}
	case "pull_request":
		event["number"] = o.PullRequest.Number
		event["pull_request"] = a.pullBody(o.PullRequest)
	case "workflow_run":
		event["workflow_run"] = a.runBody(o.WorkflowRun)
		event["workflow"] = object{"name": o.WorkflowRun.Workflow, "path": o.WorkflowRun.File}
	case "workflow_dispatch":
		event["ref"], event["inputs"] = o.ref, object{}
	}
	return event
}

func (a *Actions) repositoryBody(name string) object {
	owner, short, _ := strings.Cut(name, "/")
	return object{
		"full_name": name, "name": short, "owner": object{"login": owner, "name": owner},
		"default_branch": a.options.DefaultBranch, "fork": name != a.options.Repository,
		"html_url": a.options.Server + "/" + name, "clone_url": a.options.Server + "/" + name + ".git",
	}
}

func (a *Actions) pullBody(pull *PullRequest) object {
	head := pull.HeadRepository
	if head == "" {
		head = a.options.Repository
	}
	return object{
		"number": pull.Number, "title": pull.Title, "state": "open", "draft": false, "merged": false,
		"merge_commit_sha": pull.mergeSHA,
		"head":             object{"ref": pull.Head, "sha": pull.headSHA, "repo": a.repositoryBody(head)},
		"base":             object{"ref": pull.Base, "sha": pull.baseSHA, "repo": a.repositoryBody(a.options.Repository)},
	}
}

// runBody is a completed run. As at GitHub, the pull requests of forks are not in it.
func (a *Actions) runBody(run *Run) object {
	pulls, head := []any{}, a.options.Repository
	if pull := run.pull; pull != nil && pull.HeadRepository != "" {
		head = pull.HeadRepository
	}
	if pull := run.pull; pull != nil && head == a.options.Repository {
		pulls = append(pulls, object{
			"number": pull.Number,
			"head":   object{"ref": pull.Head, "sha": pull.headSHA},
			"base":   object{"ref": pull.Base, "sha": pull.baseSHA},
		})
	}
	return object{
		"id": run.ID, "run_number": run.ID, "run_attempt": 1, "name": run.Workflow, "path": run.File,
		"event": run.Event, "status": "completed", "conclusion": run.Conclusion,
		"head_branch": run.HeadBranch, "head_sha": run.HeadSHA, "head_repository": a.repositoryBody(head),
		"repository": a.repositoryBody(a.options.Repository), "pull_requests": pulls,
		"html_url": a.options.Server + "/" + path.Join(a.options.Repository, "actions/runs", idText(run.ID)),
	}
}
