# A change to a small shop, planned with the AWS provider on the state beside it, which
# is made up: terraform plan -refresh=false asks no cloud.
terraform {
  required_version = "1.11.4"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  skip_region_validation      = true
}

variable "database_password" {
  type      = string
  sensitive = true
  default   = "the-next-password"
}

resource "aws_instance" "web" {
  ami                    = "ami-0a1b2c3d4e5f60718"
  instance_type          = "t3.small"
  subnet_id              = "subnet-0123456789abcdef0"
  vpc_security_group_ids = [aws_security_group.web.id]
  tags                   = { Name = "web", team = "shop" }
}

resource "aws_security_group" "web" {
  name        = "web"
  description = "web"
  vpc_id      = "vpc-0123456789abcdef0"

  ingress {
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
    description = "HTTPS"
  }
}

resource "aws_db_instance" "orders" {
  identifier          = "orders"
  engine              = "postgres"
  engine_version      = "16.4"
  instance_class      = "db.t4g.small"
  allocated_storage   = 40
  storage_encrypted   = true
  username            = "orders"
  password            = var.database_password
  skip_final_snapshot = true
}

resource "aws_iam_role_policy" "web" {
  name = "web"
  role = "web"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject"]
      Resource = "arn:aws:s3:::shop-pictures/*"
    }]
  })
}

resource "aws_s3_bucket" "pictures" {
  bucket = "shop-pictures"
}

check "certificate" {
  assert {
    condition     = aws_instance.web.instance_type == "t3.micro"
    error_message = "The load test was made with t3.micro."
  }
}

output "database" {
  value = aws_db_instance.orders.endpoint
}
