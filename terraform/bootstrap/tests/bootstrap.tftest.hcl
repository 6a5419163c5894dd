# Who may assume which role, and inputs that must be turned away. Everything is only
# planned: prevent_destroy would keep a test from cleaning up.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
}

variables {
  github_repository = "owner/name"
}

run "only_the_environments_may_assume_the_roles" {
  command = plan

  variables {
    github_oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  }

  assert {
    condition = { for role, made in aws_iam_role.this : role => one(jsondecode(made.assume_role_policy).Statement) } == {
      plan = {
        Effect    = "Allow"
        Principal = { Federated = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
        Action    = "sts:AssumeRoleWithWebIdentity"
        Condition = { StringEquals = {
          "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
          "token.actions.githubusercontent.com:sub" = ["repo:owner/name:environment:plan", "repo:owner/name:environment:drift"]
        } }
      }
      apply = {
        Effect    = "Allow"
        Principal = { Federated = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
        Action    = "sts:AssumeRoleWithWebIdentity"
        Condition = { StringEquals = {
          "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
          "token.actions.githubusercontent.com:sub" = ["repo:owner/name:environment:production"]
        } }
      }
    }
    error_message = "plan belongs to the environments that read and apply to production, each by its whole name."
  }

  assert {
    condition = alltrue([
      aws_s3_bucket.state.bucket == "gitops-state-123456789012",
      one(aws_s3_bucket_versioning.state.versioning_configuration).status == "Enabled",
      aws_s3_bucket_public_access_block.state.block_public_acls && aws_s3_bucket_public_access_block.state.block_public_policy,
      aws_s3_bucket_public_access_block.state.ignore_public_acls && aws_s3_bucket_public_access_block.state.restrict_public_buckets,
      one(one(aws_s3_bucket_server_side_encryption_configuration.state.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256",
    ])
    error_message = "The bucket must keep versions, encrypt, and be closed to the public."
  }

  assert {
    condition = one(jsondecode(aws_s3_bucket_policy.state.policy).Statement) == {
      Sid       = "OnlyTLS"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::gitops-state-123456789012", "arn:aws:s3:::gitops-state-123456789012/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }
    error_message = "The bucket must turn away what is not encrypted on the way."
  }

  assert {
    condition = yamldecode(output.gitops_yml) == {
      aws       = { region = "eu-central-1" }
      terraform = { backend = { bucket = "gitops-state-123456789012", key = "gitops.tfstate" } }
    }
    error_message = "The lines for gitops.yml name the region and the backend."
  }
}

run "what_applies_must_not_change_the_roles_or_the_bucket" {
  command = plan

  assert {
    condition     = alltrue([for s in jsondecode(aws_iam_role_policy.this["apply"].policy).Statement : alltrue([for action in s.Action : can(regex("^(ec2:|s3:(ListBucket|GetObject|PutObject|DeleteObject)$)", action))])])
    error_message = "The role for applies has actions of EC2, and objects of the state."
  }
}

run "repository_with_immutable_ids" {
  command = plan

  variables {
    github_repository = "owner@12/name@345"
  }

  assert {
    condition     = aws_iam_role.this["apply"].description == "GitHub Actions of owner@12/name@345, environment production"
    error_message = "The IDs stay in the subject."
  }
}

run "provider_that_the_account_has" {
  command = plan

  variables {
    github_oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0
    error_message = "An account holds one provider per address."
  }
}

run "repository_with_a_wildcard" {
  command = plan

  variables {
    github_repository = "owner/*"
  }

  expect_failures = [var.github_repository]
}

run "repository_with_one_id" {
  command = plan

  variables {
    github_repository = "owner@12/name"
  }

  expect_failures = [var.github_repository]
}

run "provider_of_another_address" {
  command = plan

  variables {
    github_oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/gitlab.com"
  }

  expect_failures = [var.github_oidc_provider_arn]
}

run "name_with_a_wildcard" {
  command = plan

  variables {
    name = "git*"
  }

  expect_failures = [var.name]
}

run "state_key_with_a_wildcard" {
  command = plan

  variables {
    state_key = "*.tfstate"
  }

  expect_failures = [var.state_key]
}
