package cost

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"gitops/ci/lab/envtest"
	"gitops/ci/secret"
)

func TestInfracostGetsWhatItNeeds(t *testing.T) {
	tool := envtest.New(t, "infracost", "")
	plan := filepath.Join(t.TempDir(), "plan.json")
	if err := os.WriteFile(plan, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	key := secret.New(envtest.Secret("INFRACOST_API_KEY"))
	if _, err := Run(context.Background(), Options{PlanFile: plan, APIKey: key}); err == nil {
		t.Error("the program in Infracost's place fails, and Run does not")
	}
	tool.Got(t, "INFRACOST_API_KEY")
}
