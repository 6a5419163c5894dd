data "aws_ec2_instance_type" "this" {
  instance_type = var.instance_type
}

locals {
  arm = contains(data.aws_ec2_instance_type.this.supported_architectures, "arm64")
}

data "aws_ami" "ubuntu" {
  count = var.ami_id == null ? 1 : 0

  owners      = ["099720109477"] # Canonical
  most_recent = true

  filter {
    name   = "name"
    values = ["ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-*-server-*"]
  }

  filter {
    name   = "architecture"
    values = [local.arm ? "arm64" : "x86_64"]
  }

  filter {
    name   = "virtualization-type"
    values = ["hvm"]
  }
}

resource "aws_key_pair" "login" {
  key_name_prefix = "${var.name}-"
  public_key      = var.ssh_public_key

  # A key pair counts at an instance's first boot only, so a new one replaces
  # the server; it must exist before the old one goes.
  lifecycle {
    create_before_destroy = true
  }
}

# The keys are checked here and not where the variables are declared, because a
# failing validation prints the value that it looked at, sensitive or not.
resource "terraform_data" "host_key" {
  triggers_replace = var.ssh_host_public_key

  lifecycle {
    precondition {
      condition     = local.host_key_is_readable
      error_message = "ssh_host_private_key must be an OpenSSH ed25519 private key without a passphrase, its line breaks included."
    }

    precondition {
      condition     = !local.host_key_is_readable || local.host_keys_are_a_pair
      error_message = "ssh_host_public_key is not the public half of ssh_host_private_key, so nobody could connect: print it with ssh-keygen -y -f host_key."
    }
  }
}

resource "aws_instance" "this" {
  ami                    = var.ami_id != null ? var.ami_id : data.aws_ami.ubuntu[0].id
  instance_type          = var.instance_type
  subnet_id              = var.subnet_id
  vpc_security_group_ids = [aws_security_group.this.id]
  key_name               = aws_key_pair.login.key_name
  user_data              = local.user_data

  metadata_options {
    http_endpoint = "enabled"
    http_tokens   = "required"

    # One hop ends at the host: containers on its bridges cannot read the
    # metadata, and with it the host key.
    http_put_response_hop_limit = 1
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = var.root_volume_size
    encrypted   = true
  }

  tags = { Name = var.name }

  lifecycle {
    # A newer Ubuntu image, or other words in the first boot's configuration,
    # are for the next server and must not replace or stop this one.
    ignore_changes = [ami, user_data]

    # A new host key only takes effect on a new server.
    replace_triggered_by = [terraform_data.host_key]
  }
}

resource "aws_eip" "this" {
  domain = "vpc"

  tags = { Name = var.name }
}

resource "aws_eip_association" "this" {
  allocation_id = aws_eip.this.id
  instance_id   = aws_instance.this.id
}
