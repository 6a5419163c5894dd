locals {
  host_key_body = replace(var.ssh_host_private_key, "/-----[A-Z ]+-----|\\s/", "")

  # An ed25519 key without a passphrase always begins with these bytes.
  host_key_is_readable = alltrue([
    can(regex("^-----BEGIN OPENSSH PRIVATE KEY-----\\r?\\n[A-Za-z0-9+/=\\r\\n]+\\n-----END OPENSSH PRIVATE KEY-----\\s*$", var.ssh_host_private_key)),
    startswith(local.host_key_body, "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZWQyNTUxOQ"),
  ])

  # The private key's file holds the public key, byte for byte.
  host_keys_are_a_pair = try(strcontains(
    textdecodebase64(local.host_key_body, "ISO-8859-1"),
    textdecodebase64(split(" ", var.ssh_host_public_key)[1], "ISO-8859-1"),
  ), false)

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
