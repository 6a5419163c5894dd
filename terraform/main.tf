provider "aws" {
  region      = var.region
  max_retries = var.aws_max_retries

  default_tags {
    tags = merge(var.tags, {
      Project   = var.name
      ManagedBy = "terraform"
    })
  }
}

module "network" {
  source = "./modules/network"

  name     = var.name
  vpc_cidr = var.vpc_cidr
}

module "server" {
  source = "./modules/server"

  name                 = var.name
  vpc_id               = module.network.vpc_id
  subnet_id            = module.network.public_subnet_id
  instance_type        = var.instance_type
  ami_id               = var.ami_id
  root_volume_size     = var.root_volume_size
  ssh_cidrs            = var.ssh_cidrs
  ssh_public_key       = trimspace(var.ssh_public_key)
  ssh_host_private_key = var.ssh_host_private_key
  ssh_host_public_key  = local.ssh_host_public_key
}

locals {
  # Kind and key, without the comment: what known_hosts and cloud-init need.
  ssh_host_public_key = join(" ", slice(split(" ", trimspace(var.ssh_host_public_key)), 0, 2))
}
