terraform {
  required_version = ">= 1.10, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # No backend: the state stays in this folder, because the bucket for states is
  # made here. It holds no secret. Keep it, or import what it names before the
  # next change.
}
