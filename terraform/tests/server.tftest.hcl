# What the server module promises, and what must leave a running server alone.
# The host keys were made for these tests; they open nothing.

mock_provider "aws" {
  mock_data "aws_ec2_instance_type" {
    defaults = { supported_architectures = ["x86_64"] }
  }

  mock_data "aws_ami" {
    defaults = { id = "ami-11111111111111111" }
  }
}

variables {
  name                 = "test"
  vpc_id               = "vpc-1"
  subnet_id            = "subnet-1"
  instance_type        = "t3.micro"
  root_volume_size     = 20
  ssh_cidrs            = ["198.51.100.0/24", "203.0.113.7/32"]
  ssh_public_key       = "ssh-ed25519 AAAAlogin"
  ssh_host_private_key = file("tests/host_key")
  ssh_host_public_key  = join(" ", slice(split(" ", file("tests/host_key.pub")), 0, 2))
}

run "first_apply" {
  module {
    source = "./modules/server"
  }

  assert {
    condition     = one(aws_instance.this.metadata_options).http_tokens == "required" && one(aws_instance.this.metadata_options).http_put_response_hop_limit == 1
    error_message = "The metadata service must ask for a token and stay out of containers' reach."
  }

  assert {
    condition     = one(aws_instance.this.root_block_device).encrypted && one(aws_instance.this.root_block_device).volume_type == "gp3"
    error_message = "The root volume must be encrypted gp3."
  }

  assert {
    condition     = sort([for rule in aws_security_group.this.ingress : "${rule.from_port} ${join(",", sort(rule.cidr_blocks))}"]) == tolist(["22 198.51.100.0/24,203.0.113.7/32", "80 0.0.0.0/0"])
    error_message = "Only 80 from everywhere and 22 from the chosen networks may be open."
  }

  assert {
    condition     = alltrue([for rule in aws_security_group.this.ingress : rule.from_port == rule.to_port && rule.protocol == "tcp"])
    error_message = "Each rule opens one TCP port."
  }

  assert {
    condition = nonsensitive(yamldecode(aws_instance.this.user_data)) == {
      ssh_deletekeys = true
      ssh_keys = {
        ed25519_private = file("tests/host_key")
        ed25519_public  = join(" ", slice(split(" ", file("tests/host_key.pub")), 0, 2))
      }
      ssh_pwauth   = false
      disable_root = true
    }
    error_message = "cloud-init must install the given host key, and no other."
  }

  assert {
    condition     = startswith(nonsensitive(aws_instance.this.user_data), "#cloud-config\n")
    error_message = "cloud-init only reads a configuration that begins with its mark."
  }

  assert {
    condition     = aws_instance.this.ami == "ami-11111111111111111"
    error_message = "Without an image of one's own, it is Canonical's newest."
  }

  assert {
    condition     = output.platform == "linux/amd64"
    error_message = "x86-64 is amd64 to those who build images."
  }
}

run "a_newer_image_leaves_the_server_alone" {
  module {
    source = "./modules/server"
  }

  variables {
    ami_id = "ami-22222222222222222"
  }

  assert {
    condition     = aws_instance.this.id == run.first_apply.instance_id && aws_instance.this.ami == "ami-11111111111111111"
    error_message = "A newer image must not replace a running server."
  }
}

run "another_host_key_replaces_the_server" {
  module {
    source = "./modules/server"
  }

  variables {
    ssh_host_private_key = file("tests/other_host_key")
    ssh_host_public_key  = join(" ", slice(split(" ", file("tests/other_host_key.pub")), 0, 2))
  }

  assert {
    condition     = aws_instance.this.id != run.first_apply.instance_id
    error_message = "A new host key takes effect on a new server only."
  }
}

run "port_22_can_be_closed" {
  command = plan

  module {
    source = "./modules/server"
  }

  variables {
    ssh_cidrs = []
  }

  assert {
    condition     = [for rule in aws_security_group.this.ingress : rule.from_port] == [80]
    error_message = "Without networks, nothing may reach port 22."
  }
}

run "arm_servers_get_arm_images" {
  command = plan

  module {
    source = "./modules/server"
  }

  override_data {
    target = data.aws_ec2_instance_type.this
    values = { supported_architectures = ["arm64"] }
  }

  variables {
    instance_type = "t4g.micro"
  }

  assert {
    condition     = one([for filter in data.aws_ami.ubuntu[0].filter : filter.values if filter.name == "architecture"]) == toset(["arm64"])
    error_message = "The image must be built for the instance type's processor."
  }

  assert {
    condition     = output.platform == "linux/arm64"
    error_message = "Images for the server are built for its processor too."
  }
}

run "windows_line_endings_in_the_host_key" {
  module {
    source = "./modules/server"
  }

  variables {
    ssh_host_private_key = replace(file("tests/host_key"), "\n", "\r\n")
  }

  assert {
    condition     = yamldecode(nonsensitive(aws_instance.this.user_data)).ssh_keys.ed25519_private == file("tests/host_key")
    error_message = "sshd only reads keys with plain line ends."
  }
}

run "host_key_with_lines_of_another_length" {
  command = plan

  module {
    source = "./modules/server"
  }

  variables {
    ssh_host_private_key = "-----BEGIN OPENSSH PRIVATE KEY-----\n${join("\n", regexall(".{1,64}", replace(file("tests/host_key"), "/-----[A-Z ]+-----|\\s/", "")))}\n-----END OPENSSH PRIVATE KEY-----\n"
  }
}

run "host_key_cut_short" {
  command = plan

  module {
    source = "./modules/server"
  }

  variables {
    ssh_host_private_key = join("\n", slice(split("\n", file("tests/host_key")), 0, 3))
  }

  expect_failures = [terraform_data.host_key]
}

run "host_key_on_one_line" {
  command = plan

  module {
    source = "./modules/server"
  }

  variables {
    ssh_host_private_key = replace(file("tests/host_key"), "\n", " ")
  }

  expect_failures = [terraform_data.host_key]
}

run "host_key_with_a_passphrase" {
  command = plan

  module {
    source = "./modules/server"
  }

  # "none", twice, are the cipher and the key derivation of a key without one.
  variables {
    ssh_host_private_key = replace(file("tests/host_key"), "AAAABG5vbmUAAAAEbm9uZQ", "AAAACmFlczI1Ni1jdHIAAA")
  }

  expect_failures = [terraform_data.host_key]
}

run "host_keys_that_are_no_pair" {
  command = plan

  module {
    source = "./modules/server"
  }

  variables {
    ssh_host_public_key = join(" ", slice(split(" ", file("tests/other_host_key.pub")), 0, 2))
  }

  expect_failures = [terraform_data.host_key]
}
