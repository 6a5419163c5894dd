package infra

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/terraform-exec/tfexec"

	"gitops/ci/program"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// lockFile is where Terraform records the providers that it chose.
const lockFile = ".terraform.lock.hcl"

// stopTime is how long an interrupted Terraform may take to finish what it
// began and give its lock back, before it is killed.
const stopTime = 2 * time.Minute

// terraform is one Terraform binary in one directory, with its data in a
// private folder.
type terraform struct {
	*tfexec.Terraform
	dir      string // the configuration, absolute
	temp     string // everything that is thrown away
	unlocked bool   // there was no lock file before
	redactor *secret.Redactor
	words    *program.Words // what the running command wrote to stderr
	pass     []string       // names of variables that the caller lets through
	environ  []string       // the environment that Terraform gets from the caller
}

// open finds the binary and makes the private folder. Terraform gets the variables
// that pass names besides its usual ones.
func open(dir string, redactor *secret.Redactor, pass ...string) (*terraform, error) {
	dir, err := configuration(dir)
	if err != nil {
		return nil, err
	}
	binary, err := program.Find("terraform")
	if err != nil {
		return nil, fmt.Errorf("finding terraform: %w: install it (https://developer.hashicorp.com/terraform/install), or run this stage through Dagger, which brings it", err)
	}
	cli, err := tfexec.NewTerraform(dir, binary)
	if err != nil {
		return nil, fmt.Errorf("preparing terraform: %w", err)
	}
	temp, err := os.MkdirTemp("", "gitops-terraform-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for terraform's data: %w", err)
	}
	tf := &terraform{Terraform: cli, dir: dir, temp: temp, redactor: redactor, words: &program.Words{}, pass: pass}
	if err := tf.configure(); err != nil {
		return nil, errors.Join(err, tf.Close())
	}
	return tf, nil
}

// configuration returns dir as an absolute path if it holds Terraform files.
func configuration(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", progress.Invalid("locating the Terraform directory: %w", err)
	}
	native, _ := filepath.Glob(filepath.Join(dir, "*.tf"))
	asJSON, _ := filepath.Glob(filepath.Join(dir, "*.tf.json"))
	if len(native)+len(asJSON) == 0 {
		return "", progress.Invalid("no Terraform configuration in %s: name the folder that holds main.tf, or leave Terraform out where the stage has --only", dir)
	}
	return dir, nil
}

func (tf *terraform) configure() error {
	_, err := os.Stat(filepath.Join(tf.dir, lockFile))
	tf.unlocked = errors.Is(err, fs.ErrNotExist)
	// SetEnv keeps the map but turns away TF_VAR_, since the library wants
	// variables as arguments. Arguments show in the process list and variables
	// hold secrets here, so the map is filled afterwards.
	env := map[string]string{}
	if err := tf.SetEnv(env); err != nil {
		return fmt.Errorf("preparing terraform's environment: %w", err)
	}
	tf.environ = program.Environ(slices.Concat(variables, tf.pass))
	maps.Copy(env, environ(tf.environ, tf.data(), !tf.unlocked))
	tf.SetStderr(tf.words)
	return tf.SetWaitDelay(stopTime)
}

// data is a path in Terraform's own folder.
func (tf *terraform) data(names ...string) string {
	return filepath.Join(append([]string{tf.temp, "data"}, names...)...)
}

// Close removes everything that Terraform left behind.
func (tf *terraform) Close() error {
	if tf.unlocked {
		if err := os.Remove(filepath.Join(tf.dir, lockFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing the lock file that terraform made: %w", err)
		}
	}
	if err := os.RemoveAll(tf.temp); err != nil {
		return fmt.Errorf("removing terraform's data: %w", err)
	}
	return nil
}

// run does one command of Terraform and turns its failure into an error that
// carries Terraform's last words.
func (tf *terraform) run(ctx context.Context, doing string, p *progress.Progress, command func() error) error {
	tf.words.Reset()
	end := p.Start(doing)
	err := command()
	end(err)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: interrupted: %s: %w", doing, ending(err), ctx.Err())
	}
	return explain(doing, tf.dir, tf.redactor.Redact(tf.words.String()), err)
}
