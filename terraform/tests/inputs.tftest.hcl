# Inputs that must be turned away before anything is planned. tests/host_key is
# a pair made for these tests; it opens nothing.

mock_provider "aws" {
  mock_data "aws_ec2_instance_type" {
    defaults = { supported_architectures = ["x86_64"] }
  }
}

variables {
  region               = "eu-central-1"
  ssh_cidrs            = ["198.51.100.0/24"]
  ssh_public_key       = file("tests/host_key.pub")
  ssh_host_private_key = file("tests/host_key")
  ssh_host_public_key  = file("tests/host_key.pub")
}

run "the_defaults_plan" {
  command = plan

  assert {
    condition     = output.ssh_user == "ubuntu"
    error_message = "Canonical's images log in as ubuntu."
  }

  assert {
    condition     = output.ssh_host_public_key == join(" ", slice(split(" ", file("tests/host_key.pub")), 0, 2))
    error_message = "The host key must come out without its comment."
  }
}

run "nobody_may_log_in" {
  command = plan

  variables {
    ssh_cidrs = []
  }
}

run "the_world_may_log_in_when_that_is_meant" {
  command = plan

  variables {
    ssh_cidrs         = ["0.0.0.0/0"]
    ssh_open_to_world = true
  }
}

run "the_world_may_not_log_in_by_accident" {
  command = plan

  variables {
    ssh_cidrs = ["203.0.113.7/32", "0.0.0.0/0"]
  }

  expect_failures = [var.ssh_cidrs]
}

run "ssh_cidr_without_length" {
  command = plan

  variables {
    ssh_cidrs = ["203.0.113.7"]
  }

  expect_failures = [var.ssh_cidrs]
}

run "ssh_cidr_with_host_bits" {
  command = plan

  variables {
    ssh_cidrs = ["203.0.113.7/24"]
  }

  expect_failures = [var.ssh_cidrs]
}

run "ssh_cidr_of_version_6" {
  command = plan

  variables {
    ssh_cidrs = ["2001:db8::/32"]
  }

  expect_failures = [var.ssh_cidrs]
}

run "region_that_is_a_zone" {
  command = plan

  variables {
    region = "eu-central-1a"
  }

  expect_failures = [var.region]
}

run "name_with_capitals" {
  command = plan

  variables {
    name = "Production"
  }

  expect_failures = [var.name]
}

run "tag_that_aws_keeps_for_itself" {
  command = plan

  variables {
    tags = { "AWS:owner" = "me" }
  }

  expect_failures = [var.tags]
}

run "network_with_host_bits" {
  command = plan

  variables {
    vpc_cidr = "10.20.0.1/16"
  }

  expect_failures = [var.vpc_cidr]
}

run "network_too_small" {
  command = plan

  variables {
    vpc_cidr = "10.20.0.0/28"
  }

  expect_failures = [var.vpc_cidr]
}

run "instance_type_without_size" {
  command = plan

  variables {
    instance_type = "t3"
  }

  expect_failures = [var.instance_type]
}

run "image_by_name" {
  command = plan

  variables {
    ami_id = "ubuntu-noble"
  }

  expect_failures = [var.ami_id]
}

run "half_a_gibibyte" {
  command = plan

  variables {
    root_volume_size = 20.5
  }

  expect_failures = [var.root_volume_size]
}

run "no_retries_at_all" {
  command = plan

  variables {
    aws_max_retries = 0
  }

  expect_failures = [var.aws_max_retries]
}

run "login_key_that_is_private" {
  command = plan

  variables {
    ssh_public_key = file("tests/host_key")
  }

  expect_failures = [var.ssh_public_key]
}

run "host_key_of_another_kind" {
  command = plan

  variables {
    ssh_host_public_key = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7"
  }

  expect_failures = [var.ssh_host_public_key]
}
