package infra

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// bootstrap makes what GitHub's jobs work with, and its roles are what this file
// tests.
const bootstrap = product + "/bootstrap"

// tolerated are the actions that are refused and do no harm: the provider asks for
// UEFI data of every image and takes a failure for "none".
var tolerated = []string{"ec2:GetInstanceUefiData"}

// TestBootstrap applies terraform/bootstrap, and then has terraform/ planned,
// applied, changed, mended and destroyed by the roles that it made, under their
// policies. Each action that a policy has must have been called.
func TestBootstrap(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	needProvider(t)
	a := newAccount(t)
	g := newGuard(t, a.endpoint)
	t.Setenv("AWS_ENDPOINT_URL", g.URL)
	t.Setenv("TF_VAR_github_repository", "owner/name")
	arns := g.bootstrap(t, &a)

	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(product)); err != nil {
		t.Fatal(err)
	}
	b := &bootstrapped{account: a, guard: g, arns: arns, dir: dir}
	b.readOnly(t)
	b.lifecycle(t)
	for _, role := range []string{"plan", "apply"} {
		b.compare(t, role)
	}
}

// bootstrap applies the root, takes over its policies and its bucket, and returns the
// ARNs of the roles.
func (g *guard) bootstrap(t *testing.T, a *account) map[string]string {
	t.Helper()
	ctx, dir := context.Background(), t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(bootstrap)); err != nil {
		t.Fatal(err)
	}
	w, err := Open(ctx, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	plan, err := w.Plan(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	timed(t, "bootstrap", func() error { return w.Apply(ctx, plan.File) })
	if plan, err = w.Plan(ctx, ""); err != nil || plan.HasChanges {
		t.Fatalf("the second plan: %v\n%s", err, plan.Text)
	}
	state, err := w.tf.Show(ctx)
	if err != nil {
		t.Fatal(err)
	}
	arns := map[string]string{}
	for _, resource := range state.Values.RootModule.Resources {
		if resource.Type == "aws_iam_role_policy" {
			g.allow(t, asText(t, resource.Index), asText(t, resource.AttributeValues["policy"]))
		}
	}
	for _, role := range []string{"plan", "apply"} {
		arns[role] = asText(t, state.Values.Outputs[role+"_role_arn"].Value)
	}
	// The stand-in reads the bucket's denial without its condition, TLS.
	a.call(t, http.MethodDelete, "/"+asText(t, state.Values.Outputs["bucket"].Value)+"?policy", "")
	a.bucket, a.key = asText(t, state.Values.Outputs["bucket"].Value), "gitops.tfstate"
	return arns
}

func asText(t *testing.T, value any) string {
	t.Helper()
	text, is := value.(string)
	if !is {
		t.Fatalf("%v is no text", value)
	}
	return text
}

// bootstrapped is terraform/ with the roles that bootstrap made.
type bootstrapped struct {
	account
	*guard
	arns map[string]string
	dir  string
}

// as returns terraform/ as a job with the role sees it.
func (b *bootstrapped) as(t *testing.T, role string) *Workspace {
	t.Helper()
	b.assume(t, role, b.arns[role])
	o := b.options()
	o.Dir = b.dir
	w, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// readOnly makes sure that the role for plans can plan and cannot apply.
func (b *bootstrapped) readOnly(t *testing.T) {
	ctx, w := context.Background(), b.as(t, "plan")
	plan, err := w.Plan(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := w.Apply(ctx, plan.File); err == nil || !strings.Contains(err.Error(), "UnauthorizedOperation") {
		t.Errorf("applying with the role for plans: %v", err)
	}
	if !slices.Contains(b.refused["plan"], "s3:PutObject") || strings.Contains(b.objects(t), "gitops.tfstate") {
		t.Errorf("the role for plans has written a state, or never tried: %v", b.refused["plan"])
	}
	t.Logf("refused apply: %s", time.Since(begun))
	os.Remove(filepath.Join(b.dir, "errored.tfstate"))
	b.forget()
}

// lifecycle does once what users do: create, change and mend, destroy.
func (b *bootstrapped) lifecycle(t *testing.T) {
	ctx, w := context.Background(), b.as(t, "apply")
	b.apply(t, w, "create")

	b.byHand(t, w)
	timed(t, "drift", func() error {
		drift, err := b.as(t, "plan").Drift(ctx)
		if err == nil && len(drift.Changes) < 2 {
			t.Errorf("drift with the role for plans: %+v", drift)
		}
		return err
	})

	t.Setenv("TF_VAR_tags", `{"Owner":"me"}`)
	t.Setenv("TF_VAR_ssh_cidrs", `["203.0.113.0/24"]`)
	t.Setenv("TF_VAR_instance_type", "t3.small")
	t.Setenv("TF_VAR_root_volume_size", "30")
	w = b.as(t, "apply")
	b.apply(t, w, "change and mend")
	timed(t, "destroy", func() error { return w.tf.Destroy(ctx) })
}

// apply plans and applies under the environment of now.
func (b *bootstrapped) apply(t *testing.T, w *Workspace, what string) {
	t.Helper()
	ctx := context.Background()
	w.reconfigure(t)
	timed(t, what, func() error {
		plan, err := w.Plan(ctx, "")
		if err != nil {
			return err
		}
		return w.Apply(ctx, plan.File)
	})
}

var gatewayID = regexp.MustCompile(`<internetGatewayId>([^<]+)<`)

// byHand changes what Terraform made: a route more, one that leads elsewhere, a tag
// more, and the metadata service without tokens.
func (b *bootstrapped) byHand(t *testing.T, w *Workspace) {
	t.Helper()
	table := attribute(t, w, "module.network.aws_route_table.public", "id")
	other := gatewayID.FindStringSubmatch(b.ec2(t, "CreateInternetGateway"))[1]
	b.ec2(t, "CreateRoute", "RouteTableId", table, "DestinationCidrBlock", "198.51.100.0/24", "GatewayId", other)
	b.ec2(t, "ReplaceRoute", "RouteTableId", table, "DestinationCidrBlock", "0.0.0.0/0", "GatewayId", other)
	instance := attribute(t, w, "module.server.aws_instance.this", "id")
	b.ec2(t, "CreateTags", "ResourceId.1", instance, "Tag.1.Key", "Hand", "Tag.1.Value", "made")
	b.ec2(t, "ModifyInstanceMetadataOptions", "InstanceId", instance, "HttpTokens", "optional")
}

// compare makes sure that a role was refused nothing, and has nothing that it did
// not use.
func (b *bootstrapped) compare(t *testing.T, role string) {
	t.Helper()
	for _, action := range b.refused[role] {
		if !slices.Contains(tolerated, action) {
			t.Errorf("%s is not in the policy of %s", action, role)
		}
	}
	for _, s := range b.policies[role] {
		for _, action := range s.Action {
			if !slices.Contains(b.called[role], action) {
				t.Errorf("%s has %s (%s), which nobody called", role, action, s.Sid)
			}
			if role == "plan" && !readsOnly(action) && !onlyLocks(s) {
				t.Errorf("plan has %s (%s)", action, s.Sid)
			}
		}
	}
}

func readsOnly(action string) bool {
	_, name, _ := strings.Cut(action, ":")
	return strings.HasPrefix(name, "Describe") || strings.HasPrefix(name, "Get") || strings.HasPrefix(name, "List")
}

func onlyLocks(s statement) bool {
	return !slices.ContainsFunc(s.Resource, func(arn string) bool { return !strings.HasSuffix(arn, ".tflock") })
}

var actionLine = regexp.MustCompile(`"[a-z0-9]+:[A-Z][A-Za-z]+"`)

// TestEachActionHasItsReason holds the policies to a comment beside each action.
func TestEachActionHasItsReason(t *testing.T) {
	reason := regexp.MustCompile(`^(Action\s*=\s*\[)?"[a-z0-9]+:[A-Za-z]+"(,|\]) +# \S`)
	for _, file := range []string{"plan.tf", "apply.tf"} {
		source, err := os.ReadFile(filepath.Join(bootstrap, file))
		if err != nil {
			t.Fatal(err)
		}
		actions := 0
		for i, line := range strings.Split(string(source), "\n") {
			line = strings.TrimSpace(line)
			if !actionLine.MatchString(line) || strings.Contains(line, `"ec2:Region"`) || strings.Contains(line, `"ec2:CreateAction"`) {
				continue
			}
			actions++
			if !reason.MatchString(line) {
				t.Errorf("%s:%d: say beside the action what needs it, one action a line: %s", file, i+1, line)
			}
		}
		if actions < 5 {
			t.Errorf("%s: only %d actions found", file, actions)
		}
	}
}
