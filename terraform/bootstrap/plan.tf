# What plan and drift do: read the state, hold its lock, describe the region. Each
# action stands beside what calls it. ci/infra/bootstrap_test.go runs terraform/
# with these policies and fails for an action that is missing or that nobody calls.

locals {
  # Terraform's further workspaces keep their states below env:/.
  states = ["${local.bucket_arn}/${var.state_key}", "${local.bucket_arn}/env:/*/${var.state_key}"]
  locks  = [for state in local.states : "${state}.tflock"]

  ec2 = "arn:${local.partition}:ec2:${local.region}:${local.account}"

  here = { "ec2:Region" = local.region }
  ours = merge(local.here, { "aws:ResourceTag/Project" = var.name })

  plan_statements = [
    {
      Sid      = "FindState"
      Effect   = "Allow"
      Action   = ["s3:ListBucket"] # the backend: which workspaces there are; a missing state is then 404 and not 403
      Resource = [local.bucket_arn]
    },
    {
      Sid      = "ReadState"
      Effect   = "Allow"
      Action   = ["s3:GetObject"] # the backend: the state; who holds the lock
      Resource = concat(local.states, local.locks)
    },
    {
      # A plan takes the lock too, so that it never reads a state that an apply
      # is writing.
      Sid    = "LockState"
      Effect = "Allow"
      Action = [
        "s3:PutObject",    # the backend: takes the lock
        "s3:DeleteObject", # the backend: gives the lock back
      ]
      Resource = local.locks
    },
    {
      Sid    = "Describe"
      Effect = "Allow"
      Action = [
        "ec2:DescribeAddresses",                    # aws_eip, aws_eip_association
        "ec2:DescribeAddressesAttribute",           # aws_eip: its name in reverse DNS
        "ec2:DescribeImages",                       # data.aws_ami
        "ec2:DescribeInstanceCreditSpecifications", # aws_instance of a burstable type
        "ec2:DescribeInstanceTypes",                # data.aws_ec2_instance_type, aws_instance
        "ec2:DescribeInstances",                    # aws_instance
        "ec2:DescribeInternetGateways",             # aws_internet_gateway
        "ec2:DescribeKeyPairs",                     # aws_key_pair
        "ec2:DescribeNetworkAcls",                  # aws_vpc: its default list
        "ec2:DescribeRouteTables",                  # aws_route_table, its association, aws_vpc
        "ec2:DescribeSecurityGroups",               # aws_security_group, aws_default_security_group, aws_vpc
        "ec2:DescribeSubnets",                      # aws_subnet
        "ec2:DescribeTags",                         # aws_instance: whether a launch template made it
        "ec2:DescribeVolumes",                      # aws_instance: its root volume
        "ec2:DescribeVpcAttribute",                 # aws_vpc: DNS
        "ec2:DescribeVpcs",                         # aws_vpc, aws_instance
      ]
      Resource  = ["*"] # descriptions know no narrower resource
      Condition = { StringEquals = local.here }
    },
    {
      # The first boot's configuration can be read so, and with it a host's private
      # key: that of this project's server only, which a plan knows as a variable.
      Sid       = "DescribeServer"
      Effect    = "Allow"
      Action    = ["ec2:DescribeInstanceAttribute"] # aws_instance: user data, protection from termination
      Resource  = ["${local.ec2}:instance/*"]
      Condition = { StringEquals = local.ours }
    },
  ]
}
