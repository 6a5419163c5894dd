# The state's place, for `terraform init -backend-config=backend.hcl`. The bucket
# must exist before the first init; turn its versioning on, since the state is
# the only record of what Terraform owns. Let nobody but operators and the
# pipeline read it.
bucket = "example-terraform-state"
key    = "production/terraform.tfstate"
region = "eu-central-1"
