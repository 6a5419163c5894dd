# The state from which `values` is planned.
terraform {
  required_version = "1.11.4"
}

resource "terraform_data" "forgotten" {
  input = "kept, but not by us"
}

resource "terraform_data" "documents" {
  input = {
    policy = jsonencode({ Statement = [{ Effect = "Allow", Action = ["s3:GetObject"], Resource = "*" }] })
    values = "replicas: 1\nimage: shop\nenv:\n  LOG: info\n"
    script = "#!/bin/sh\nset -eu\napt-get update\napt-get install -y nginx\nsystemctl enable nginx\necho done\n"
    same   = jsonencode({ a = 1 })
  }
}

resource "terraform_data" "lists" {
  input = { zones = ["a", "b", "c"], rules = [{ port = 80 }, { port = 443 }] }
}

resource "terraform_data" "secrets" {
  input = { old = sensitive("the-first-password"), same = sensitive("the-same-password"), shown = "now it is shown" }
}

resource "terraform_data" "replaced" {
  input            = { size = 8 }
  triggers_replace = { ami = "ami-1", zone = "a" }
}

resource "terraform_data" "health" {
  input = "1"
}
