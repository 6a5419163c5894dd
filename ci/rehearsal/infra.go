package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"gitops/ci/stages"
)

// provision merges the pull request and provisions the merged commit.
func (l *loop) provision(ctx context.Context) (string, error) {
	commit, err := l.dev.merge(ctx, features, infraMain)
	if err != nil {
		return "", err
	}
	if err := (hub{l.world}).merge(ctx, pullRequest, commit); err != nil {
		return "", err
	}
	var result stages.ProvisionResult
	if err := l.stage(ctx, l.push("provision", infraMain, commit), &result); err != nil {
		return "", err
	}
	if !result.Apply.Applied || result.Configure == nil || result.Configure.Changed == 0 {
		return "", fmt.Errorf("the first provision reports nothing done: %+v", result)
	}
	return l.keepOutputs(result)
}

func (l *loop) keepOutputs(result stages.ProvisionResult) (string, error) {
	var outputs struct {
		StaticIP struct{ Value string } `json:"static_ip"`
	}
	if err := json.Unmarshal(result.Apply.Outputs, &outputs); err != nil {
		return "", fmt.Errorf("reading Terraform's outputs: %w", err)
	}
	if outputs.StaticIP.Value == "" {
		return "", errors.New("the outputs of Terraform have no static_ip")
	}
	l.outputs, l.address = result.Apply.Outputs, outputs.StaticIP.Value
	return fmt.Sprintf("%s; static_ip %s; Ansible changed %d", result.Apply.Headline, l.address, result.Configure.Changed), nil
}

func (l *loop) provisionAgain(ctx context.Context) (string, error) {
	commit, err := l.dev.head(ctx, infraMain)
	if err != nil {
		return "", err
	}
	var result stages.ProvisionResult
	if err := l.stage(ctx, l.push("provision", infraMain, commit), &result); err != nil {
		return "", err
	}
	if result.Apply.Applied || result.Configure == nil || result.Configure.Changed != 0 {
		return "", fmt.Errorf("the second provision changed something: applied %v, %+v", result.Apply.Applied, result.Configure)
	}
	return "Terraform: no changes; Ansible: 0 changed", nil
}

func (l *loop) driftNone(ctx context.Context) (string, error) {
	result, err := l.drift(ctx)
	if err != nil {
		return "", err
	}
	if result.Drift != "none" {
		return "", fmt.Errorf("drift where none was made: %+v", result)
	}
	return "", nil
}

// driftBoth changes a tag behind Terraform's back and stops a container behind
// git's, and expects both in one issue.
func (l *loop) driftBoth(ctx context.Context) (string, error) {
	if err := l.changeCloud(ctx); err != nil {
		return "", err
	}
	if err := l.changeHost(ctx); err != nil {
		return "", err
	}
	result, err := l.drift(ctx)
	if err != nil {
		return "", err
	}
	if result.Drift != "both" || len(result.Cloud) == 0 || len(result.Host) == 0 {
		return "", fmt.Errorf("expected drift on both sides, found %+v", result)
	}
	issues, err := (hub{l.world}).openIssues(ctx)
	if err != nil {
		return "", err
	}
	if issues != 1 {
		return "", fmt.Errorf("expected one open issue, found %d", issues)
	}
	return fmt.Sprintf("cloud: %s; host: %s", result.Cloud[0], result.Host[0].Service), nil
}

// drift compares the cloud with infra_main and the host with deployment: each
// side's truth is on its own branch.
func (l *loop) drift(ctx context.Context) (stages.DriftResult, error) {
	commit, err := l.dev.head(ctx, infraMain)
	if err != nil {
		return stages.DriftResult{}, err
	}
	manifest, err := l.dev.show(ctx, deployment, ManifestPath)
	if err != nil {
		return stages.DriftResult{}, err
	}
	var result stages.DriftResult
	err = l.stage(ctx, Call{Stage: "drift", Commit: commit, Outputs: l.outputs, Manifest: []byte(manifest)}, &result)
	return result, err
}
