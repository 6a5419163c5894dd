output "vpc_id" {
  description = "ID of the VPC."
  value       = aws_vpc.this.id
}

output "public_subnet_id" {
  description = "ID of the public subnet, once it has its way to the internet."
  value       = aws_subnet.public.id

  # A server must not boot, nor an Elastic IP be tied to it, before that.
  depends_on = [aws_route_table_association.public]
}
