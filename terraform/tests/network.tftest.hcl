mock_provider "aws" {
  mock_resource "aws_internet_gateway" {
    defaults = { id = "igw-1" }
  }
}

run "one_public_subnet" {
  module {
    source = "./modules/network"
  }

  variables {
    name     = "test"
    vpc_cidr = "10.20.0.0/16"
  }

  assert {
    condition     = aws_subnet.public.cidr_block == "10.20.0.0/20" && !aws_subnet.public.map_public_ip_on_launch
    error_message = "The subnet is the first sixteenth, and hands out no addresses."
  }

  assert {
    condition     = [for route in aws_route_table.public.route : "${route.cidr_block} ${route.gateway_id}"] == ["0.0.0.0/0 igw-1"]
    error_message = "The one route goes to the internet gateway."
  }

  assert {
    condition     = length(aws_default_security_group.closed.ingress) == 0 && length(aws_default_security_group.closed.egress) == 0
    error_message = "The VPC's default group must let nothing through."
  }
}
