output "region" {
  description = "Region of the bucket and of the server."
  value       = local.region
}

output "bucket" {
  description = "Name of the state bucket."
  value       = aws_s3_bucket.state.bucket
}

output "plan_role_arn" {
  description = "Role of the environments plan and drift: reads."
  value       = aws_iam_role.this["plan"].arn
}

output "apply_role_arn" {
  description = "Role of the environment production: changes what ../ makes."
  value       = aws_iam_role.this["apply"].arn
}

output "gitops_yml" {
  description = "Lines for gitops.yml at the repository's root."
  value       = <<-EOT
    aws:
      region: ${local.region}
    terraform:
      backend:
        bucket: ${aws_s3_bucket.state.bucket}
        key: ${var.state_key}
  EOT
}

output "github_variables" {
  description = "Commands that set the variables of the workflows, with GitHub's command line. The environments must be there."
  value       = <<-EOT
    gh variable set AWS_REGION --body ${local.region}
    gh variable set AWS_ROLE --env plan --body ${aws_iam_role.this["plan"].arn}
    gh variable set AWS_ROLE --env drift --body ${aws_iam_role.this["plan"].arn}
    gh variable set AWS_ROLE --env production --body ${aws_iam_role.this["apply"].arn}
  EOT
}
