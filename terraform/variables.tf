variable "region" {
  description = "AWS region of everything here, such as eu-central-1."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be an AWS region name such as eu-central-1."
  }
}

variable "name" {
  description = "Name of the environment: prefixes every resource's name and is its Project tag."
  type        = string
  default     = "gitops"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}[a-z0-9]$", var.name))
    error_message = "name must be 2 to 32 lower-case letters, digits and hyphens, and start with a letter."
  }
}

variable "tags" {
  description = "Further tags for every resource. Project and ManagedBy are always set and cannot be changed here."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.tags) : !startswith(lower(key), "aws:")])
    error_message = "tags must not start with aws:, which AWS keeps for itself."
  }
}

variable "aws_max_retries" {
  description = "How often a failing AWS call is made in all; null takes the provider's own number, 25. For stand-ins that answer some calls with an error for ever."
  type        = number
  default     = null

  validation {
    condition     = var.aws_max_retries == null || try(var.aws_max_retries >= 1 && floor(var.aws_max_retries) == var.aws_max_retries, false)
    error_message = "aws_max_retries must be a whole number of 1 or more, or null."
  }
}

variable "vpc_cidr" {
  description = "IPv4 range of the VPC, /16 to /24. The public subnet takes the first sixteenth of it."
  type        = string
  default     = "10.20.0.0/16"
  nullable    = false

  validation {
    condition     = try(cidrsubnet(var.vpc_cidr, 0, 0) == var.vpc_cidr, false)
    error_message = "vpc_cidr must be an IPv4 network without host bits, such as 10.20.0.0/16."
  }

  validation {
    condition     = can(regex("/(1[6-9]|2[0-4])$", var.vpc_cidr))
    error_message = "vpc_cidr must be between /16 and /24."
  }
}

variable "instance_type" {
  description = "EC2 instance type of the server. The image follows its architecture, x86-64 or ARM."
  type        = string
  default     = "t3.micro"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*\\.(nano|micro|small|medium|large|([0-9]+)?xlarge|metal(-[0-9]+xl)?)$", var.instance_type))
    error_message = "instance_type must be an EC2 instance type such as t3.micro."
  }
}

variable "ami_id" {
  description = "Image to start the server from; null takes Canonical's newest Ubuntu 24.04 LTS. A running server keeps the image that it started from."
  type        = string
  default     = null

  validation {
    condition     = var.ami_id == null || can(regex("^ami-([0-9a-f]{8}|[0-9a-f]{17})$", var.ami_id))
    error_message = "ami_id must look like ami-0123456789abcdef0, or be null."
  }
}

variable "root_volume_size" {
  description = "Size of the server's encrypted root volume, in GiB. It can grow later, not shrink."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.root_volume_size >= 8 && var.root_volume_size <= 16384 && floor(var.root_volume_size) == var.root_volume_size
    error_message = "root_volume_size must be a whole number of GiB from 8 to 16384."
  }
}

variable "ssh_cidrs" {
  description = "IPv4 networks that may reach port 22: operators and the runners that configure and deploy. An empty list closes the port. 0.0.0.0/0 also needs ssh_open_to_world."
  type        = set(string)
  nullable    = false

  # AWS stores the network without host bits: anything else would differ for ever.
  validation {
    condition     = alltrue([for cidr in var.ssh_cidrs : try(cidrsubnet(cidr, 0, 0) == cidr && !strcontains(cidr, ":"), false)])
    error_message = "ssh_cidrs must be IPv4 networks without host bits, such as 203.0.113.7/32 or 198.51.100.0/24."
  }

  validation {
    condition     = var.ssh_open_to_world || alltrue([for cidr in var.ssh_cidrs : !endswith(cidr, "/0")])
    error_message = "ssh_cidrs opens port 22 to the whole internet: name your networks, or set ssh_open_to_world = true if that is meant."
  }
}

variable "ssh_open_to_world" {
  description = "Says that 0.0.0.0/0 in ssh_cidrs is meant, as with hosted runners that have no fixed addresses. Logging in still takes the key."
  type        = bool
  default     = false
  nullable    = false
}

variable "ssh_public_key" {
  description = "Public half of the key that logs in as ubuntu, in OpenSSH format."
  type        = string
  nullable    = false

  # The kinds of key that EC2 accepts.
  validation {
    condition     = can(regex("^ssh-(ed25519|rsa) [A-Za-z0-9+/]{60,}={0,2}( [^\\n]*)?\\n?$", var.ssh_public_key))
    error_message = "ssh_public_key must be one line as in ~/.ssh/id_ed25519.pub: ssh-ed25519 or ssh-rsa, then the key."
  }
}

variable "ssh_host_private_key" {
  description = "Private half of the server's own SSH host key: an ed25519 key without a passphrase, in OpenSSH format (ssh-keygen -t ed25519 -N '' -f host_key). Knowing it beforehand lets every connection be checked, the first one too."
  type        = string
  sensitive   = true
  nullable    = false

  # Checked by modules/server: a validation that fails prints the value, sensitive
  # or not.
}

variable "ssh_host_public_key" {
  description = "Public half of ssh_host_private_key, in OpenSSH format. Changing the pair replaces the server: a host reads its keys at its first boot only."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43}( [^\\n]*)?\\n?$", var.ssh_host_public_key))
    error_message = "ssh_host_public_key must be one line: ssh-ed25519, then the key."
  }
}
