package stages

import (
	"cmp"
	"context"

	"gitops/ci/deploy"
)

func (r DeployResult) standing() (string, bool) {
	return cmp.Or(r.Outcome, deploy.Untouched), r.Outcome != ""
}

func (r PlanDeployResult) standing() (string, bool) {
	if r.Project == "" {
		return "failed", false
	}
	return "planned", true
}

func (r StatusResult) standing() (string, bool) {
	if r.Dir == "" {
		return "failed", false
	}
	return "reached", true
}

// DeployHosts is Deploy on each host that the options name.
func DeployHosts(ctx context.Context, o DeployOptions, hosts HostsOptions) (HostsResult[DeployResult], error) {
	return OnHosts(ctx, o.Host, hosts, o.Output, func(ctx context.Context, h HostOptions, out Output) (DeployResult, error) {
		one := o
		one.Host, one.Output = h, out
		return Deploy(ctx, one)
	})
}

// PlanHosts is PlanDeploy on each host that the options name.
func PlanHosts(ctx context.Context, o DeployOptions, hosts HostsOptions) (HostsResult[PlanDeployResult], error) {
	return OnHosts(ctx, o.Host, hosts, o.Output, func(ctx context.Context, h HostOptions, out Output) (PlanDeployResult, error) {
		one := o
		one.Host, one.Output = h, out
		return PlanDeploy(ctx, one)
	})
}

// RollbackHosts is Rollback on each host that the options name.
func RollbackHosts(ctx context.Context, o RollbackOptions, hosts HostsOptions) (HostsResult[DeployResult], error) {
	return OnHosts(ctx, o.Host, hosts, o.Output, func(ctx context.Context, h HostOptions, out Output) (DeployResult, error) {
		one := o
		one.Host, one.Output = h, out
		return Rollback(ctx, one)
	})
}

// StatusHosts is Status on each host that the options name. A host that does not
// answer keeps nobody from hearing of the others.
func StatusHosts(ctx context.Context, o PlaceOptions, hosts HostsOptions) (HostsResult[StatusResult], error) {
	hosts.KeepGoing = true
	return OnHosts(ctx, o.Host, hosts, o.Output, func(ctx context.Context, h HostOptions, out Output) (StatusResult, error) {
		one := o
		one.Host, one.Output = h, out
		return Status(ctx, one)
	})
}
