# The state's place, for `terraform init -backend-config=backend.hcl` on a laptop:
# the same that gitops.yml names, or Terraform would know nothing of the server and
# plan a second one. bootstrap/ makes the bucket.
bucket = "example-terraform-state"
key    = "gitops.tfstate"
region = "eu-central-1"
