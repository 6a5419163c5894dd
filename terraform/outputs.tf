output "static_ip" {
  description = "The server's Elastic IP: what SSH, Ansible and the domain's A record point to."
  value       = module.server.static_ip
}

output "ssh_user" {
  description = "User that ssh_public_key logs in as."
  value       = "ubuntu"
}

output "ssh_host_public_key" {
  description = "The server's SSH host key, for known_hosts."
  value       = local.ssh_host_public_key
}

output "instance_id" {
  description = "The server's EC2 instance ID."
  value       = module.server.instance_id
}

output "platform" {
  description = "What images for the server are built for: linux/amd64, or linux/arm64 on ARM."
  value       = module.server.platform
}
