output "static_ip" {
  description = "The Elastic IP, once the server answers at it."
  value       = aws_eip.this.public_ip
  depends_on  = [aws_eip_association.this]
}

output "instance_id" {
  description = "ID of the EC2 instance."
  value       = aws_instance.this.id
}

output "platform" {
  description = "What images for the server are built for, such as linux/amd64."
  value       = "linux/${local.arm ? "arm64" : "amd64"}"
}
