# AWS checks GitHub's certificate against its own list of authorities, so no
# thumbprint is given:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html
resource "aws_iam_openid_connect_provider" "github" {
  count = var.github_oidc_provider_arn == null ? 1 : 0

  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

locals {
  provider_arn = var.github_oidc_provider_arn == null ? aws_iam_openid_connect_provider.github[0].arn : var.github_oidc_provider_arn

  # Which GitHub environments may assume which role. A branch or a pull request
  # alone may assume none.
  environments = {
    plan  = ["plan", "drift"]
    apply = ["production"]
  }
}

resource "aws_iam_role" "this" {
  for_each = local.environments

  name        = "${var.name}-${each.key}"
  description = "GitHub Actions of ${var.github_repository}, environment ${join(" or ", each.value)}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = local.provider_arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
          "token.actions.githubusercontent.com:sub" = [for name in each.value : "repo:${var.github_repository}:environment:${name}"]
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  for_each = {
    plan  = local.plan_statements
    apply = concat(local.plan_statements, local.apply_statements)
  }

  name   = "terraform"
  role   = aws_iam_role.this[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = each.value })
}
