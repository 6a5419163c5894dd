package rehearsal

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"gitops/ci/host"
	"gitops/ci/infra"
)

// changeCloud renames the server through the cloud's API, behind Terraform's back.
func (l *loop) changeCloud(ctx context.Context) error {
	answer, err := l.ec2(ctx, url.Values{"Action": {"DescribeInstances"}, "Filter.1.Name": {"instance-state-name"}, "Filter.1.Value.1": {"running"}})
	if err != nil {
		return err
	}
	var described struct {
		IDs []string `xml:"reservationSet>item>instancesSet>item>instanceId"`
	}
	if err := xml.Unmarshal(answer, &described); err != nil {
		return fmt.Errorf("reading the AWS stand-in's instances: %w", err)
	}
	if len(described.IDs) != 1 {
		return fmt.Errorf("expected one running instance at the AWS stand-in, found %v", described.IDs)
	}
	_, err = l.ec2(ctx, url.Values{"Action": {"CreateTags"}, "ResourceId.1": described.IDs, "Tag.1.Key": {"Name"}, "Tag.1.Value": {"changed-by-hand"}})
	return err
}

// ec2 calls the AWS stand-in, which reads the service from the credential scope
// and does not verify signatures.
func (l *loop) ec2(ctx context.Context, form url.Values) ([]byte, error) {
	form.Set("Version", "2016-11-15")
	answer, err := request(ctx, http.DefaultClient, http.MethodPost, l.world.AWSURL+"/", []byte(form.Encode()),
		"application/x-www-form-urlencoded", "Authorization",
		"AWS4-HMAC-SHA256 Credential=lab/20200101/"+Region+"/ec2/aws4_request, SignedHeaders=host, Signature=unverified")
	if err != nil {
		return nil, fmt.Errorf("changing the AWS stand-in by hand: %w", err)
	}
	return answer, nil
}

// Region is where the rehearsed infrastructure stands.
const Region = "eu-central-1"

// changeHost stops a container on the host by hand.
func (l *loop) changeHost(ctx context.Context) error {
	outputs, err := infra.ParseOutputs(l.outputs)
	if err != nil {
		return err
	}
	known, err := outputs.KnownHosts()
	if err != nil {
		return err
	}
	client, err := host.Dial(ctx, host.Config{
		Address: outputs.Address(), User: outputs.SSHUser, Key: l.world.SSHKey, KnownHosts: known, Dial: l.world.Dial,
	})
	if err != nil {
		return fmt.Errorf("logging in to change the host by hand: %w", err)
	}
	defer client.Close()
	out, err := client.Script(ctx, `docker ps --quiet --filter label=com.docker.compose.service=cv-frontend | xargs -r docker stop`)
	if err != nil {
		return fmt.Errorf("stopping a container by hand: %w", err)
	}
	if out.Stdout == "" {
		return errors.New("stopping a container by hand: cv-frontend does not run")
	}
	return nil
}
