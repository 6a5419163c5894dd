terraform {
  # 1.10 brought the S3 lock file, 1.9 validations that look at other variables.
  required_version = ">= 1.10, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # Bucket, key and region come at init, so that one configuration serves many
  # environments; backend.example.hcl lists them.
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}
