# The state from which `second` is planned.
terraform {
  required_version = "1.11.4"
}

resource "terraform_data" "replaced" {
  input            = "same"
  triggers_replace = ["v1"]
}

resource "terraform_data" "replaced_safely" {
  input            = "same"
  triggers_replace = ["v1"]
  lifecycle {
    create_before_destroy = true
  }
}

resource "terraform_data" "updated" {
  input = { size = 8, tags = { team = "web" } }
}

resource "terraform_data" "destroyed" {
  input = "going"
}

resource "terraform_data" "before_move" {
  input = "kept"
}

resource "terraform_data" "forgotten" {
  input = "kept, but not by us"
}

resource "terraform_data" "unchanged" {
  input = "as it is"
}

resource "terraform_data" "keys" {
  for_each = toset(["plain", "gone \"quoted\" | `tick`"])
  input    = each.key
}

module "outer" {
  source = "./outer"
}

output "changed" {
  value = "before"
}

output "removed" {
  value = "gone"
}

output "same" {
  value = "same"
}
