package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gitops/ci/attest"
	"gitops/ci/progress"
	"gitops/ci/registry"
	"gitops/ci/secret"
	"gitops/ci/stages"
)

// publishFlags say which images are built, how, and how they get to the registry.
type publishFlags struct {
	stages.PublishOptions
	buildArgs []string
	registry  string
	keyless   bool
}

// add adds the flags that publish and release share.
func (f *publishFlags) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.Services, "service", nil, "service to build, NAME[=CONTEXT][,dockerfile=PATH][,target=STAGE][,platform=OS/ARCH][,arg=NAME=VALUE] (repeatable; default: those with a build section)")
	flags.StringArrayVar(&f.buildArgs, "build-arg", nil, "build argument of every image, NAME=value (repeatable)")
	flags.StringArrayVar(&f.Platforms, "default-platform", nil, "platform of images whose build section names none, such as linux/arm64 (repeatable; default: the builder's)")
	flags.StringVar(&f.Created, "created", "", "when the commit was made, RFC 3339: every time in the images (default: as git here knows it)")
	flags.StringVar(&f.SourceURL, "source-url", "", "address of the source, for the images' labels and provenance")
	flags.StringVar(&f.Version, "image-version", "", "version, for the images' labels (default: the commit)")
	addRegistry(flags, &f.registry)
	addPlainHTTP(flags, &f.PlainHTTP)
	addPass(flags, &f.Pass, "docker")
	flags.BoolVar(&f.Rebuild, "rebuild", false, "build everything from newly pulled bases, also what has not changed")
	flags.BoolVar(&f.NoAttestations, "no-attestations", false, "leave out the bill of materials and the provenance")
	flags.BoolVar(&f.keyless, "keyless", false, "sign as the workflow of GitHub Actions that this runs in; sigstore's public log then has its name and the images'")
	flags.StringVar(&f.Signer.FulcioURL, "fulcio-url", "", "certificate authority for signatures without a key (default: sigstore's)")
	flags.StringVar(&f.Signer.RekorURL, "rekor-url", "", "transparency log for signatures without a key (default: sigstore's)")
	flags.StringVar(&f.BuilderID, "builder-id", defaultBuilder(), "who builds, as a URI, for the provenance")
	flags.StringVar(&f.InvocationID, "invocation-id", defaultInvocation(), "this run of the builder, as a URI, for the provenance")
}

// defaultBuilder is the workflow where there is one, as GitHub's own attestations
// name it.
func defaultBuilder() string {
	if workflow := os.Getenv("GITHUB_WORKFLOW_REF"); workflow != "" {
		return os.Getenv("GITHUB_SERVER_URL") + "/" + workflow
	}
	return "urn:gitops:builder:local"
}

func defaultInvocation() string {
	if run := os.Getenv("GITHUB_RUN_ID"); run != "" {
		return fmt.Sprintf("%s/%s/actions/runs/%s/attempts/%s", os.Getenv("GITHUB_SERVER_URL"), os.Getenv("GITHUB_REPOSITORY"), run, os.Getenv("GITHUB_RUN_ATTEMPT"))
	}
	return ""
}

// options returns what publish is told.
func (f *publishFlags) options(c *console) (stages.PublishOptions, error) {
	o := f.PublishOptions
	o.Output, o.Config = c.stage, c.config
	var argsErr, loginsErr, signErr error
	o.BuildArgs, argsErr = pairs("build-arg", f.buildArgs)
	o.Logins, loginsErr = registry.LoginsFromEnv(f.registry)
	o.Signer, signErr = f.signer()
	return o, cmp.Or(argsErr, loginsErr, signErr)
}

func (f *publishFlags) signer() (attest.Signer, error) {
	s := f.Signer
	s.Key, s.Password = secret.FromEnv("COSIGN_PRIVATE_KEY"), secret.FromEnv("COSIGN_PASSWORD")
	s.IdentityToken = secret.FromEnv("SIGSTORE_ID_TOKEN")
	if !f.keyless {
		return s, nil
	}
	s.Workflow = attest.Workflow{RequestURL: os.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL"), RequestToken: secret.FromEnv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")}
	if s.Workflow.RequestURL == "" {
		return s, progress.Invalid("--keyless signs as a workflow of GitHub Actions, and there is none here with the permission id-token: write; elsewhere set SIGSTORE_ID_TOKEN")
	}
	return s, nil
}

func newPublish(c *console) *cobra.Command {
	var f publishFlags
	cmd := command(c, "publish", "Build images, attest and sign them, and push them under the commit's SHA",
		func(ctx context.Context) (stages.PublishResult, error) {
			o, err := f.options(c)
			if err != nil {
				return stages.PublishResult{}, err
			}
			return stages.Publish(ctx, o)
		}, refsText)
	flags := cmd.PersistentFlags()
	flags.StringVar(&f.Manifest, "manifest", defaultManifest, "the compose manifest")
	addValues(flags, &f.Values)
	flags.BoolVar(&f.Force, "force", false, "also publish images that hold a ${VARIABLE} that --values does not set")
	flags.StringVar(&f.Commit, "commit", os.Getenv("GITHUB_SHA"), "full SHA of the commit that is built: the tag of the images")
	f.add(flags)
	cmd.AddCommand(newReuse(c, &f), newLayout(c, &f), newSBOM(c, &f), newPush(c, &f))
	return cmd
}

func refsText(r stages.PublishResult) string {
	var lines []string
	for _, ref := range r.Refs {
		lines = append(lines, ref.Service+": "+ref.Ref)
	}
	return strings.Join(lines, "\n")
}
