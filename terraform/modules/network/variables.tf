variable "name" {
  description = "Prefix of the resources' names."
  type        = string
}

variable "vpc_cidr" {
  description = "IPv4 range of the VPC; the public subnet takes the first sixteenth of it."
  type        = string
}
