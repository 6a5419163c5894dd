# Planned on the state that `first` left: every kind of change at once.
terraform {
  required_version = "1.11.4"
}

variable "password" {
  type      = string
  sensitive = true
  default   = "hunter2-hunter2"
}

resource "terraform_data" "replaced" {
  input            = "same"
  triggers_replace = ["v2"]
}

resource "terraform_data" "replaced_safely" {
  input            = "same"
  triggers_replace = ["v2"]
  lifecycle {
    create_before_destroy = true
  }
}

resource "terraform_data" "updated" {
  input = { size = 16, tags = { team = "web", big = 12345678901234567890 } }
}

resource "terraform_data" "after_move" {
  input = "kept"
}

moved {
  from = terraform_data.before_move
  to   = terraform_data.after_move
}

removed {
  from = terraform_data.forgotten
  lifecycle {
    destroy = false
  }
}

resource "terraform_data" "unchanged" {
  input = "as it is"
}

resource "terraform_data" "keys" {
  for_each = toset(["plain", "new \"quoted\" | `tick` @octocat", "ключ 鍵 🔑", "<b>bold</b> **stars** [link](http://x)", "\u202e\u200breversed", "```\n</details>\n# broken out"])
  input    = each.key
}

resource "terraform_data" "sensitive" {
  input = { user = "admin", password = var.password }
}

resource "terraform_data" "unknown" {
  input = { of = terraform_data.sensitive.id, known = "text", list = [terraform_data.replaced.id, "b"] }
}

resource "terraform_data" "imported" {
  input = "adopted"
}

import {
  to = terraform_data.imported
  id = "11111111-2222-3333-4444-555555555555"
}

data "terraform_remote_state" "read_at_apply" {
  backend    = "local"
  config     = { path = "${path.module}/other.tfstate" }
  depends_on = [terraform_data.replaced]
}

module "outer" {
  source = "./outer"
}

output "changed" {
  value = "after `tick` | pipe </details> @octocat"
}

output "same" {
  value = "same"
}

output "secret" {
  value     = var.password
  sensitive = true
}

output "unknown" {
  value = terraform_data.unknown.id
}

output "partly" {
  value = { id = terraform_data.unknown.id, name = "known" }
}
