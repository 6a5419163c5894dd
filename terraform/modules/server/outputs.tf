output "static_ip" {
  description = "The Elastic IP, once the server answers at it."
  value       = aws_eip.this.public_ip
  depends_on  = [aws_eip_association.this]
}

output "instance_id" {
  description = "ID of the EC2 instance."
  value       = aws_instance.this.id
}
