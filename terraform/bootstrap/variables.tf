variable "github_repository" {
  description = "Repository whose workflows may assume the roles, as GitHub's tokens name it: owner/name, or owner@1234/name@5678 where subjects have immutable IDs, which is the default of repositories made or renamed since July 2026."
  type        = string
  nullable    = false

  # https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens/
  validation {
    condition     = can(regex("^([A-Za-z0-9-]+/[A-Za-z0-9._-]+|[A-Za-z0-9-]+@[0-9]+/[A-Za-z0-9._-]+@[0-9]+)$", var.github_repository))
    error_message = "github_repository must be owner/name or owner@id/name@id, without wildcards."
  }
}

variable "github_oidc_provider_arn" {
  description = "ARN of the account's OIDC provider for GitHub, if it has one already: an account holds one per address. null makes it."
  type        = string
  default     = null

  validation {
    condition     = var.github_oidc_provider_arn == null || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/token\\.actions\\.githubusercontent\\.com$", var.github_oidc_provider_arn))
    error_message = "github_oidc_provider_arn must be arn:aws:iam::<account>:oidc-provider/token.actions.githubusercontent.com, or null."
  }
}

variable "region" {
  description = "AWS region of the bucket and of the server: the one in ../terraform.tfvars. null takes the region of the operator's AWS settings."
  type        = string
  default     = null
}

variable "name" {
  description = "Name of the environment, as in ../variables.tf: the roles reach what has it as Project tag, and nothing else."
  type        = string
  default     = "gitops"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}[a-z0-9]$", var.name))
    error_message = "name must be 2 to 32 lower-case letters, digits and hyphens, and start with a letter."
  }
}

variable "bucket" {
  description = "Name of the state bucket, unique in all of AWS; null takes <name>-state-<account ID>."
  type        = string
  default     = null
}

variable "state_key" {
  description = "Key of the state in the bucket. The roles reach this object, its lock file, and both in Terraform's further workspaces."
  type        = string
  default     = "gitops.tfstate"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$", var.state_key))
    error_message = "state_key must be a path of letters, digits, dots, hyphens and underscores, without wildcards."
  }
}
