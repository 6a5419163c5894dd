package infra

import (
	"context"
	"slices"
	"strings"
	"testing"
)

// The delivered configuration has the inputs that a review shows, and no secret among
// those that are shown.
func TestInputsOnAWS(t *testing.T) {
	needProvider(t)
	a := newAccount(t)
	w := a.open(t)
	plan, err := w.Plan(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	in, err := w.Inputs(plan.JSON)
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for _, part := range in.Parts {
		if part.Kind == InputProvider && strings.Count(part.Content, "\n") < 3 {
			t.Errorf("the hashes of %s are %q", part.Name, part.Content)
		}
		if part.Kind == InputVariable && !part.Secret && part.Content != "" {
			t.Errorf("variable %s would be hashed without a key", part.Name)
		}
		shown = append(shown, strings.Join([]string{part.Kind, part.Name, part.Value}, "|"))
	}
	for _, want := range []string{
		"provider|registry.terraform.io/hashicorp/aws|5.100.0", "backend||s3", "backend|bucket|" + a.bucket, "backend|key|" + a.key,
		"configuration|main.tf|", "module|server|./modules/server", "environment|AWS_ENDPOINT_URL|" + a.endpoint, "terraform||1.11",
	} {
		if !slices.Contains(shown, want) {
			t.Errorf("no input %s in\n%s", want, strings.Join(shown, "\n"))
		}
	}
	if line := strings.Split(a.hostKey, "\n")[2]; strings.Contains(strings.Join(shown, "\n"), line) {
		t.Error("the host's private key is shown")
	}
}
