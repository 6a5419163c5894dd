# What apply and destroy do beyond a plan. New things must get the Project tag, and
# only things that have it can be changed. Which resources and conditions an action
# knows: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html

locals {
  newly_ours = merge(local.here, { "aws:RequestTag/Project" = var.name })

  apply_statements = [
    {
      Sid      = "WriteState"
      Effect   = "Allow"
      Action   = ["s3:PutObject"] # the backend: the new state
      Resource = local.states
    },
    {
      Sid    = "DescribeMore"
      Effect = "Allow"
      Action = [
        "ec2:DescribeNetworkInterfaces",    # aws_subnet, aws_security_group: what still uses them when they go
        "ec2:DescribeSecurityGroupRules",   # aws_default_security_group: the rules to take out
        "ec2:DescribeVolumesModifications", # aws_instance: how far a growing volume is
      ]
      Resource  = ["*"]
      Condition = { StringEquals = local.here }
    },
    {
      Sid    = "Create"
      Effect = "Allow"
      Action = [
        "ec2:AllocateAddress",       # aws_eip
        "ec2:CreateInternetGateway", # aws_internet_gateway
        "ec2:CreateVpc",             # aws_vpc
        "ec2:ImportKeyPair",         # aws_key_pair
      ]
      Resource  = [for kind in ["elastic-ip", "internet-gateway", "vpc", "key-pair"] : "${local.ec2}:${kind}/*"]
      Condition = { StringEquals = local.newly_ours }
    },
    {
      Sid    = "CreateInVPC"
      Effect = "Allow"
      Action = [
        "ec2:CreateRouteTable",    # aws_route_table
        "ec2:CreateSecurityGroup", # aws_security_group
        "ec2:CreateSubnet",        # aws_subnet
      ]
      Resource  = [for kind in ["route-table", "security-group", "subnet"] : "${local.ec2}:${kind}/*"]
      Condition = { StringEquals = local.newly_ours }
    },
    {
      Sid    = "UseVPC"
      Effect = "Allow"
      Action = [
        "ec2:CreateRouteTable",    # aws_route_table: the VPC that gets it
        "ec2:CreateSecurityGroup", # aws_security_group: the VPC that gets it
        "ec2:CreateSubnet",        # aws_subnet: the VPC that gets it
      ]
      Resource  = ["${local.ec2}:vpc/*"]
      Condition = { StringEquals = local.ours }
    },
    {
      Sid       = "StartServer"
      Effect    = "Allow"
      Action    = ["ec2:RunInstances"] # aws_instance: the server and its root volume
      Resource  = ["${local.ec2}:instance/*", "${local.ec2}:volume/*"]
      Condition = { StringEquals = local.newly_ours }
    },
    {
      Sid       = "StartServerIn"
      Effect    = "Allow"
      Action    = ["ec2:RunInstances"] # aws_instance: where it stands, and with which key
      Resource  = ["${local.ec2}:subnet/*", "${local.ec2}:security-group/*", "${local.ec2}:key-pair/*"]
      Condition = { StringEquals = local.ours }
    },
    {
      # Images belong to others, and the server's interface gets no tags.
      Sid       = "StartServerFrom"
      Effect    = "Allow"
      Action    = ["ec2:RunInstances"] # aws_instance: its image and interface
      Resource  = ["arn:${local.partition}:ec2:${local.region}::image/*", "${local.ec2}:image/*", "${local.ec2}:network-interface/*"]
      Condition = { StringEquals = local.here }
    },
    {
      Sid      = "TagNew"
      Effect   = "Allow"
      Action   = ["ec2:CreateTags"] # everything: the tags that it is made with
      Resource = ["${local.ec2}:*/*"]
      Condition = {
        StringEquals = merge(local.newly_ours, {
          "ec2:CreateAction" = [
            "AllocateAddress", "CreateInternetGateway", "CreateRouteTable", "CreateSecurityGroup",
            "CreateSubnet", "CreateVpc", "ImportKeyPair", "RunInstances",
          ]
        })
      }
    },
    {
      # AWS makes a VPC's default group without tags. No condition can ask whose VPC
      # it is in, so that groups without a Project are within reach here.
      Sid      = "AdoptDefaultGroup"
      Effect   = "Allow"
      Action   = ["ec2:CreateTags"] # aws_default_security_group
      Resource = ["${local.ec2}:security-group/*"]
      Condition = {
        StringEquals = local.newly_ours
        Null         = { "aws:ResourceTag/Project" = "true" }
      }
    },
    {
      Sid      = "Retag"
      Effect   = "Allow"
      Action   = ["ec2:CreateTags"] # everything: tags that change
      Resource = ["${local.ec2}:*/*"]
      Condition = {
        StringEquals         = local.ours
        StringEqualsIfExists = { "aws:RequestTag/Project" = var.name }
      }
    },
    {
      Sid    = "Change"
      Effect = "Allow"
      Action = [
        "ec2:AssociateAddress",              # aws_eip_association
        "ec2:AssociateRouteTable",           # aws_route_table_association
        "ec2:AttachInternetGateway",         # aws_internet_gateway
        "ec2:AuthorizeSecurityGroupEgress",  # aws_security_group
        "ec2:AuthorizeSecurityGroupIngress", # aws_security_group
        "ec2:CreateRoute",                   # aws_route_table
        "ec2:DeleteInternetGateway",         # aws_internet_gateway
        "ec2:DeleteKeyPair",                 # aws_key_pair
        "ec2:DeleteRoute",                   # aws_route_table: a route made by hand
        "ec2:DeleteRouteTable",              # aws_route_table
        "ec2:DeleteSecurityGroup",           # aws_security_group
        "ec2:DeleteSubnet",                  # aws_subnet
        "ec2:DeleteTags",                    # everything: tags that go
        "ec2:DeleteVpc",                     # aws_vpc
        "ec2:DetachInternetGateway",         # aws_internet_gateway
        "ec2:DisassociateAddress",           # aws_eip_association
        "ec2:DisassociateRouteTable",        # aws_route_table_association
        "ec2:ModifyInstanceAttribute",       # aws_instance: another type, other groups
        "ec2:ModifyInstanceMetadataOptions", # aws_instance: options changed by hand
        "ec2:ModifyVolume",                  # aws_instance: a larger root volume
        "ec2:ModifyVpcAttribute",            # aws_vpc: DNS
        "ec2:ReleaseAddress",                # aws_eip
        "ec2:ReplaceRoute",                  # aws_route_table: a route moved by hand
        "ec2:RevokeSecurityGroupEgress",     # aws_security_group, aws_default_security_group
        "ec2:RevokeSecurityGroupIngress",    # aws_security_group, aws_default_security_group
        "ec2:StartInstances",                # aws_instance: after another type
        "ec2:StopInstances",                 # aws_instance: before another type
        "ec2:TerminateInstances",            # aws_instance
      ]
      Resource  = ["${local.ec2}:*/*"]
      Condition = { StringEquals = local.ours }
    },
    {
      # The interface of a server has no tags; the address and the server need ours.
      Sid    = "AddressOfServer"
      Effect = "Allow"
      Action = [
        "ec2:AssociateAddress",    # aws_eip_association: the server's interface
        "ec2:DisassociateAddress", # aws_eip_association: the server's interface
      ]
      Resource  = ["${local.ec2}:network-interface/*"]
      Condition = { StringEquals = local.here }
    },
  ]
}
