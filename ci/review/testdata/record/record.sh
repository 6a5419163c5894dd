#!/bin/sh -eu
# Records ../plans from the real Terraform on PATH. Run it only to take up a new version: the expected
# comments and fingerprints are of these very plans.
#   PLUGINS=DIR  a filesystem mirror with the AWS provider, to record aws.json as well
here=$(cd "$(dirname "$0")" && pwd)
plans=$here/../plans
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset TF_CLI_CONFIG_FILE
export CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1

plan() { # NAME ARGUMENTS: plans $work and keeps its JSON and its text
  terraform -chdir="$work" init -no-color -input=false ${PLUGINS:+-plugin-dir="$PLUGINS"} >/dev/null
  name=$1; shift
  terraform -chdir="$work" plan -no-color -input=false -out="$work/$name.plan" "$@" >/dev/null
  set -- "$name"
  terraform -chdir="$work" show -json "$work/$1.plan" >"$plans/$1.json"
  terraform -chdir="$work" show -no-color "$work/$1.plan" >"$plans/$1.txt"
}

configure() { # DIR: makes $work this configuration, and keeps its state
  find "$work" -name '*.tf' -delete
  cp -R "$here/$1/." "$work/"
}

mkdir -p "$plans"
# Nothing in other.tfstate matters but that it can be read.
echo '{"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "x", "outputs": {}, "resources": []}' >"$work/other.tfstate"
PLUGINS_GIVEN=${PLUGINS:-}; unset PLUGINS
configure first
plan create
terraform -chdir="$work" apply -no-color -input=false "$work/create.plan" >/dev/null
plan nochange
configure second
plan everything
sleep 1.1 # a plan's time has whole seconds
terraform -chdir="$work" plan -no-color -input=false -out="$work/again.plan" >/dev/null
terraform -chdir="$work" show -json "$work/again.plan" >"$plans/everything-again.json"
configure first
terraform -chdir="$work" plan -no-color -input=false -destroy -out="$work/destroy.plan" >/dev/null
terraform -chdir="$work" show -json "$work/destroy.plan" >"$plans/destroy.json"
terraform -chdir="$work" show -no-color "$work/destroy.plan" >"$plans/destroy.txt"
rm -f "$work"/terraform.tfstate*
configure values-first
plan values # applied, and written anew below
terraform -chdir="$work" apply -no-color -input=false "$work/values.plan" >/dev/null
configure values
plan values
plan target -target=terraform_data.lists
rm -f "$work"/terraform.tfstate*
configure scale
plan scale
gzip -9 -n -f "$plans/scale.json" "$plans/scale.txt"
if [ -n "$PLUGINS_GIVEN" ]; then
  PLUGINS=$PLUGINS_GIVEN
  configure aws
  plan aws
  configure shop
  cp "$here/shop/state.json" "$work/terraform.tfstate"
  plan shop -refresh=false
fi
ls -l "$plans"
