variable "name" {
  description = "Prefix of the resources' names."
  type        = string
}

variable "vpc_id" {
  description = "ID of the VPC that the server's security group belongs to."
  type        = string
}

variable "subnet_id" {
  description = "ID of the public subnet that the server stands in."
  type        = string
}

variable "instance_type" {
  description = "EC2 instance type."
  type        = string
}

variable "ami_id" {
  description = "Image to start from; null takes Canonical's newest Ubuntu 24.04 LTS."
  type        = string
  default     = null
}

variable "root_volume_size" {
  description = "Size of the root volume in GiB."
  type        = number
}

variable "ssh_cidrs" {
  description = "IPv4 networks that may reach port 22."
  type        = set(string)
}

variable "ssh_public_key" {
  description = "Public key that logs in as ubuntu, in OpenSSH format."
  type        = string
}

variable "ssh_host_private_key" {
  description = "The server's private ed25519 host key, in OpenSSH format."
  type        = string
  sensitive   = true
}

variable "ssh_host_public_key" {
  description = "Kind and key of the public half of ssh_host_private_key, without a comment."
  type        = string
}
