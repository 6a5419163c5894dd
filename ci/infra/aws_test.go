package infra

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"gitops/ci/lab/golden"
	"gitops/ci/program"
	"gitops/ci/progress"
)

// standIn returns the address of an AWS stand-in: the one that the environment
// names, or one that is started here.
func standIn(t *testing.T) string {
	t.Helper()
	if endpoint := os.Getenv("GITOPS_TEST_AWS_ENDPOINT"); endpoint != "" {
		return strings.TrimRight(endpoint, "/")
	}
	if exec.Command("python3", "-c", "import moto.server, flask_cors").Run() != nil {
		t.Skip("needs the AWS stand-in: python3 with moto's server, or GITOPS_TEST_AWS_ENDPOINT")
	}
	port := freePort(t)
	images := filepath.Join("..", "lab", "images", "aws")
	moto := exec.Command("python3", filepath.Join(images, "server.py"), "-H", "127.0.0.1", "-p", port)
	moto.Env = append(os.Environ(), "MOTO_AMIS_PATH="+filepath.Join(images, "amis.json"))
	moto.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var log program.Words
	moto.Stdout, moto.Stderr = &log, &log
	if err := moto.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-moto.Process.Pid, syscall.SIGKILL)
		_ = moto.Wait()
	})
	endpoint := "http://127.0.0.1:" + port
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if answer, err := http.Get(endpoint + "/moto-api/"); err == nil {
			answer.Body.Close()
			return endpoint
		}
		if time.Now().After(deadline) {
			t.Fatalf("the AWS stand-in does not answer:\n%s", log.String())
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// product is the configuration that the repository delivers.
const product = "../../terraform"

// needProvider skips where the AWS provider can be had neither from a registry
// nor from a mirror.
func needProvider(t *testing.T) {
	t.Helper()
	needTerraform(t)
	err := checkProvider()
	if err != nil && strings.Contains(err.Error(), "registry.terraform.io") {
		t.Skip("needs Terraform's AWS provider: no registry, and no mirror in TF_CLI_CONFIG_FILE or Terraform's plugin folders")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// checkProvider tries to get the provider, once.
var checkProvider = sync.OnceValue(func() error {
	_, err := Validate(context.Background(), product, nil)
	return err
})

// keyPair makes an ed25519 pair in OpenSSH's formats.
func keyPair(t *testing.T) (private, public string) {
	t.Helper()
	key, secretKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(secretKey, "test")
	if err != nil {
		t.Fatal(err)
	}
	wire, err := ssh.NewPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block)), string(ssh.MarshalAuthorizedKey(wire))
}

// account is what a test needs to work with the stand-in.
type account struct {
	endpoint, bucket, key string
	hostKey, hostPublic   string
}

// newAccount makes a bucket and sets the environment for Terraform.
func newAccount(t *testing.T) account {
	t.Helper()
	a := account{endpoint: standIn(t), key: "test/terraform.tfstate"}
	a.bucket = fmt.Sprintf("state-%d", time.Now().UnixNano())
	a.hostKey, a.hostPublic = keyPair(t)
	_, login := keyPair(t)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": a.endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
		"TF_VAR_region": "eu-central-1", "TF_VAR_ssh_cidrs": `["198.51.100.0/24"]`, "TF_VAR_aws_max_retries": "1",
		"TF_VAR_ssh_public_key": login, "TF_VAR_ssh_host_private_key": a.hostKey, "TF_VAR_ssh_host_public_key": a.hostPublic,
	} {
		t.Setenv(name, value)
	}
	a.call(t, http.MethodPut, "/"+a.bucket, `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>eu-central-1</LocationConstraint></CreateBucketConfiguration>`)
	return a
}

func (a account) open(t *testing.T) *Workspace {
	t.Helper()
	w, err := Open(context.Background(), a.options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (a account) options() Options {
	return Options{Dir: product, BackendConfig: []string{
		"bucket=" + a.bucket, "key=" + a.key, "region=eu-central-1", "use_path_style=true", "max_retries=1",
	}}
}

// call speaks to the stand-in and returns what it answers.
func (a account) call(t *testing.T, method, path, body string) string {
	t.Helper()
	request, err := http.NewRequest(method, a.endpoint+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	// The stand-in tells services and regions apart by this header alone.
	service := "s3"
	if path == "/" {
		service = "ec2"
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/"+service+"/aws4_request, SignedHeaders=host, Signature=none")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %v\n%s", method, path, answer.Status, err, text)
	}
	return string(text)
}

// ec2 calls an action of the EC2 API, with pairs of parameter and value.
func (a account) ec2(t *testing.T, action string, pairs ...string) string {
	t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2016-11-15"}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return a.call(t, http.MethodPost, "/", form.Encode())
}

func (a account) objects(t *testing.T) string {
	return a.call(t, http.MethodGet, "/"+a.bucket+"?list-type=2", "")
}

// timed runs work and logs how long it took.
func timed(t *testing.T, what string, work func() error) {
	t.Helper()
	begun := time.Now()
	if err := work(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	t.Logf("%s: %s", what, progress.Seconds(time.Since(begun)))
}

// attribute returns one attribute of a resource in the state.
func attribute(t *testing.T, w *Workspace, address, name string) string {
	t.Helper()
	state, err := w.tf.Show(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range state.Values.RootModule.ChildModules {
		for _, resource := range module.Resources {
			if resource.Address == address {
				return fmt.Sprint(resource.AttributeValues[name])
			}
		}
	}
	t.Fatalf("%s is not in the state", address)
	return ""
}

// TestAWS drives the delivered configuration against a stand-in: the state and
// its lock in S3, the plan, the apply, the outputs, and drift of each kind.
func TestAWS(t *testing.T) {
	needProvider(t)
	a := newAccount(t)
	ctx := context.Background()
	checkout := strings.Join(names(t, product), "\n")

	var w *Workspace
	timed(t, "init", func() error { w = a.open(t); return nil })
	var plan *Plan
	timed(t, "plan", func() (err error) { plan, err = w.Plan(ctx, ""); return err })
	if !plan.HasChanges || !strings.Contains(plan.Text, "12 to add, 0 to change, 0 to destroy") {
		t.Errorf("first plan:\n%s", plan.Text)
	}
	a.checkSecrets(t, plan)
	record(t, "aws-create.json", plan.Masked)

	if strings.Contains(a.objects(t), a.key) {
		t.Error("there is a state, or a lock, before the apply")
	}
	timed(t, "apply", func() error {
		return a.watchLock(t, func() error { return w.Apply(ctx, plan.File) })
	})
	if all := a.objects(t); !strings.Contains(all, "<Key>"+a.key+"</Key>") || strings.Contains(all, ".tflock") {
		t.Errorf("after the apply, the bucket holds %s", all)
	}

	var outputs Outputs
	timed(t, "outputs", func() (err error) { outputs, err = w.Outputs(ctx); return err })
	hosts, err := outputs.KnownHosts()
	if want := outputs.StaticIP + " " + strings.TrimSpace(a.hostPublic) + "\n"; err != nil || string(hosts) != want {
		t.Errorf("known_hosts: %q, %v, want %q", hosts, err, want)
	}
	if addresses := a.ec2(t, "DescribeAddresses"); !strings.Contains(addresses, "<publicIp>"+outputs.StaticIP+"</publicIp>") {
		t.Errorf("EC2 knows nothing of %s:\n%s", outputs.StaticIP, addresses)
	}

	timed(t, "second plan", func() (err error) { plan, err = w.Plan(ctx, ""); return err })
	if plan.HasChanges {
		t.Errorf("second plan has changes:\n%s", plan.Text)
	}
	a.drift(t, w)
	a.locked(t, w)
	if now := strings.Join(names(t, product), "\n"); now != checkout {
		t.Errorf("the checkout has changed from\n%s\nto\n%s", checkout, now)
	}
}

// checkSecrets makes sure that the host's private key is in what Apply takes
// and in nothing that others read.
func (a account) checkSecrets(t *testing.T, plan *Plan) {
	t.Helper()
	line := strings.Split(a.hostKey, "\n")[2]
	var open, masked bytes.Buffer
	encode(t, &open, plan.JSON)
	encode(t, &masked, plan.Masked)
	if !strings.Contains(open.String(), line) {
		t.Error("the key is not in the plan: this test proves nothing")
	}
	if strings.Contains(masked.String(), line) || strings.Contains(plan.Text, line) {
		t.Error("the host's private key is in what others read")
	}
}

// watchLock makes sure that the lock object is there while work runs.
func (a account) watchLock(t *testing.T, work func() error) error {
	done := make(chan error, 1)
	go func() { done <- work() }()
	seen := false
	for {
		select {
		case err := <-done:
			if !seen {
				t.Error("the lock object was never in the bucket")
			}
			return err
		case <-time.After(200 * time.Millisecond):
			seen = seen || strings.Contains(a.objects(t), a.key+".tflock")
		}
	}
}

// drift changes things behind Terraform's back and expects to hear of them.
func (a account) drift(t *testing.T, w *Workspace) {
	t.Helper()
	ctx := context.Background()
	var drift *Drift
	timed(t, "drift, none", func() (err error) { drift, err = w.Drift(ctx); return err })
	if len(drift.Changes) > 0 {
		t.Errorf("drift right after the apply: %+v", drift.Changes)
	}
	instance := attribute(t, w, "module.server.aws_instance.this", "id")
	group := attribute(t, w, "module.server.aws_security_group.this", "id")
	a.ec2(t, "CreateTags", "ResourceId.1", instance, "Tag.1.Key", "Owner", "Tag.1.Value", "by hand")
	a.ec2(t, "AuthorizeSecurityGroupIngress", "GroupId", group, "IpPermissions.1.IpProtocol", "tcp",
		"IpPermissions.1.FromPort", "5432", "IpPermissions.1.ToPort", "5432", "IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0")
	timed(t, "drift, tag and port", func() (err error) { drift, err = w.Drift(ctx); return err })
	want := "module.server.aws_instance.this [tags tags_all], module.server.aws_security_group.this [ingress]"
	if got := brief(drift.Changes); got != want {
		t.Errorf("drift: %s, want %s", got, want)
	}
	if got := fmt.Sprint(drift.Changes[0].Values); got != `[{tags.Owner null "by hand"} {tags_all.Owner null "by hand"}]` {
		t.Errorf("the values of the instance are %s", got)
	}
	if got := fmt.Sprint(drift.Changes[1].Values); !strings.HasPrefix(got, "[{ingress[] null {") || !strings.Contains(got, `"from_port":5432`) || strings.Contains(got, `"from_port":22`) {
		t.Errorf("the values of the group are %s", got)
	}
	if !strings.Contains(drift.Text, "5432") {
		t.Errorf("the port is not in the text:\n%s", drift.Text)
	}
	a.recordDrift(t, w)
}

func (a account) recordDrift(t *testing.T, w *Workspace) {
	if !golden.Updating() {
		return
	}
	plan, err := w.tf.ShowPlanFile(context.Background(), filepath.Join(w.tf.temp, "plan"))
	if err != nil {
		t.Fatal(err)
	}
	record(t, "aws-drift.json", masked(plan, sensitive(plan).Redact))
}

func brief(all []Drifted) string {
	var parts []string
	for _, one := range all {
		parts = append(parts, fmt.Sprintf("%s %v", one.Address, one.Attributes))
	}
	return strings.Join(parts, ", ")
}

// locked puts a lock of somebody else's into the bucket, and takes it away.
func (a account) locked(t *testing.T, w *Workspace) {
	t.Helper()
	path := "/" + a.bucket + "/" + a.key + ".tflock"
	a.call(t, http.MethodPut, path, `{"ID":"5b8c5f2e-0000-4000-8000-000000000001","Operation":"OperationTypeApply","Info":"","Who":"ann@laptop","Version":"1.11.4","Created":"2026-01-02T03:04:05Z","Path":"`+a.bucket+"/"+a.key+`"}`)
	_, err := w.Plan(context.Background(), "")
	var held *LockedError
	if !errors.As(err, &held) || held.Lock.Who != "ann@laptop" || !strings.HasPrefix(held.Lock.Created, "2026-01-02 03:04:05") {
		t.Errorf("planning under a lock: %v", err)
	}
	a.call(t, http.MethodDelete, path, "")
}

// ignoring is a configuration that Terraform leaves as it is in places: a tag that it
// ignores, a policy that means the same, a data source.
const ignoring = `
provider "aws" { region = "eu-central-1" }

resource "aws_sqs_queue" "ignored" {
  name                      = "ignored"
  message_retention_seconds = 3600
  tags                      = { Name = "one", Owner = "git" }
  lifecycle { ignore_changes = [message_retention_seconds, tags["Owner"], tags_all["Owner"]] }
}

resource "aws_ssm_parameter" "secret" {
  name  = "/secret"
  type  = "SecureString"
  value = "the-first-secret"
}

data "aws_sqs_queue" "read" {
  name       = "ignored"
  depends_on = [aws_sqs_queue.ignored]
}
`

func TestDriftIsWhatTerraformWouldUndo(t *testing.T) {
	needProvider(t)
	a := newAccount(t)
	dir := write(t, "main.tf", ignoring)
	w, err := Open(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	plan, err := w.Plan(t.Context(), "")
	if err == nil {
		err = w.Apply(t.Context(), plan.File)
	}
	if err != nil {
		t.Fatal(err)
	}
	queue := a.endpoint + "/123456789012/ignored"
	a.sqs(t, "TagQueue", "QueueUrl", queue, "Tag.1.Key", "Owner", "Tag.1.Value", "hand")
	a.sqs(t, "SetQueueAttributes", "QueueUrl", queue, "Attribute.1.Name", "MessageRetentionPeriod", "Attribute.1.Value", "7200")
	drift, err := w.Drift(t.Context())
	if err != nil || len(drift.Changes) > 0 || len(drift.Other) == 0 {
		t.Errorf("what Terraform ignores is drift: %+v, %v", drift, err)
	}
	a.sqs(t, "TagQueue", "QueueUrl", queue, "Tag.1.Key", "Name", "Tag.1.Value", "two")
	a.service(t, "ssm", `{"Name":"/secret","Value":"the-second-secret","Type":"SecureString","Overwrite":true}`,
		"X-Amz-Target", "AmazonSSM.PutParameter", "Content-Type", "application/x-amz-json-1.1")
	drift, err = w.Drift(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := brief(drift.Changes), "aws_sqs_queue.ignored [tags tags_all], aws_ssm_parameter.secret [value]"; got != want {
		t.Errorf("drift is %s, want %s", got, want)
	}
	said := fmt.Sprintf("%+v", drift)
	if strings.Contains(said, "-secret-") || strings.Contains(said, "the-second-secret") || strings.Contains(said, "the-first-secret") || !strings.Contains(said, "{Path:value Before:\"[REDACTED]\" After:\"[REDACTED] (changed)\"}") {
		t.Errorf("the values are %s", said)
	}
	if !strings.Contains(said, `{Path:tags.Name Before:"one" After:"two"}`) {
		t.Errorf("the values are %s", said)
	}
}

// sqs calls an action of the SQS API, with pairs of parameter and value.
func (a account) sqs(t *testing.T, action string, pairs ...string) {
	t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2012-11-05"}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	a.service(t, "sqs", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

// service calls another service of the stand-in, with pairs of header and value.
func (a account) service(t *testing.T, name, body string, headers ...string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, a.endpoint+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/"+name+"/aws4_request, SignedHeaders=host, Signature=none")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode >= 300 {
		t.Fatalf("%s: %s %v\n%s", name, answer.Status, err, text)
	}
}

// TestAWSFailuresAreErrors makes sure that a provider or a network that fails
// is neither drift nor the absence of it.
func TestAWSFailuresAreErrors(t *testing.T) {
	needProvider(t)
	a := newAccount(t)
	w := a.open(t)
	dead := "http://127.0.0.1:" + freePort(t)
	t.Setenv("AWS_ENDPOINT_URL", dead)
	if _, err := Open(context.Background(), a.options()); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("opening without a network: %v", err)
	}
	w.reconfigure(t)
	if drift, err := w.Drift(context.Background()); err == nil || drift != nil {
		t.Errorf("drift without a network: %+v, %v", drift, err)
	}
	t.Setenv("AWS_ENDPOINT_URL", a.endpoint)
	t.Setenv("AWS_ENDPOINT_URL_EC2", dead)
	w.reconfigure(t)
	if drift, err := w.Drift(context.Background()); err == nil || drift != nil || !strings.Contains(err.Error(), "Error: ") {
		t.Errorf("drift without EC2: %+v, %v", drift, err)
	}
}

// reconfigure makes an open workspace see the environment of now.
func (w *Workspace) reconfigure(t *testing.T) {
	t.Helper()
	if err := w.tf.configure(); err != nil {
		t.Fatal(err)
	}
}

// TestTerraformTests runs the tests of both configurations.
func TestTerraformTests(t *testing.T) {
	needProvider(t)
	for _, root := range []string{product, bootstrap} {
		t.Run(filepath.Base(root), func(t *testing.T) { testsOf(t, root) })
	}
}

func testsOf(t *testing.T, root string) {
	t.Helper()
	tf, err := open(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tf.Close()
	for _, args := range [][]string{{"init", "-backend=false", "-lockfile=readonly", "-input=false"}, {"test", "-no-color"}} {
		command := exec.Command("terraform", args...)
		command.Dir = tf.dir
		for name, value := range environ(program.Environ(variables), filepath.Join(tf.temp, "data"), false) {
			command.Env = append(command.Env, name+"="+value)
		}
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("terraform %s: %v\n%s", args[0], err, output)
		}
	}
}
