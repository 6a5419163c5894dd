locals {
  # cloud-init removes the image's host keys and installs ours alone, before
  # sshd starts.
  user_data = "#cloud-config\n${yamlencode({
    ssh_deletekeys = true
    ssh_keys = {
      ed25519_private = "${trimspace(replace(var.ssh_host_private_key, "\r", ""))}\n"
      ed25519_public  = var.ssh_host_public_key
    }
    ssh_pwauth   = false
    disable_root = true
  })}"
}
