package rehearsal

import (
	"context"
	"fmt"
	"net/http"
	"os"
)

// NewWorld returns a world with what follows from the credentials; the lab adds
// the addresses.
func NewWorld(c Credentials) World {
	return World{
		Credentials: c, GitUser: c.User, GitPassword: c.GitPassword, SSHKey: c.LoginKey,
		Superuser: superuser, SuperuserPassword: c.Superuser, Registry: RegistryAddress + "/team", RegistryPassword: c.RegistryPassword,
	}
}

// authorityPEM returns the certificate of the authority; a test's world has none.
func (w World) authorityPEM() string {
	if w.Authority == nil {
		return ""
	}
	return w.Authority.PEM()
}

// MakeBucket makes the bucket for Terraform's state, which an operator makes
// once before the loop can start.
func MakeBucket(ctx context.Context, endpoint string) error {
	body := `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>` +
		Region + `</LocationConstraint></CreateBucketConfiguration>`
	_, err := request(ctx, http.DefaultClient, http.MethodPut, endpoint+"/"+bucket, []byte(body), "application/xml")
	if err != nil {
		return fmt.Errorf("making the bucket for Terraform's state: %w", err)
	}
	return nil
}

// CheckoutBranch is Checkout of a branch's tip.
func CheckoutBranch(ctx context.Context, w World, branch string) (string, error) {
	return Checkout(ctx, w, "refs/heads/"+branch)
}

// Checkout returns a folder with commit checked out, as a workflow's first step
// does. The caller removes it.
func Checkout(ctx context.Context, w World, commit string) (string, error) {
	d := &developer{env: gitEnv(w)}
	var err error
	if d.dir, err = os.MkdirTemp("", "gitops-checkout-"); err != nil {
		return "", fmt.Errorf("making a folder for the checkout: %w", err)
	}
	for _, args := range [][]string{
		{"init", "--quiet"},
		{"fetch", "--quiet", "--depth=1", w.GitURL, commit},
		{"checkout", "--quiet", "--detach", "FETCH_HEAD"},
	} {
		if _, err := d.git(ctx, args...); err != nil {
			d.close()
			return "", err
		}
	}
	return d.dir, nil
}
