# Planned on the state that `values-first` left: values of every shape, and a check that
# does not hold.
terraform {
  required_version = "1.11.4"
}

removed {
  from = terraform_data.forgotten
  lifecycle {
    destroy = false
  }
}

resource "terraform_data" "documents" {
  input = {
    policy = jsonencode({ Statement = [{ Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject"], Resource = "*" }] })
    values = "replicas: 3\nimage: shop\nenv:\n  LOG: info\n  TRACE: \"1\"\n"
    script = "#!/bin/sh\nset -eu\napt-get update\napt-get install -y nginx curl\nsystemctl enable nginx\necho done\n"
    same   = "{ \"a\": 1 }"
  }
}

resource "terraform_data" "lists" {
  input = { zones = ["0", "a", "c"], rules = [{ port = 80 }, { port = 8443 }] }
}

resource "terraform_data" "secrets" {
  input = { old = sensitive("the-second-password"), same = sensitive("the-same-password"), shown = sensitive("now it is shown") }
}

resource "terraform_data" "replaced" {
  input            = { size = 16 }
  triggers_replace = { ami = "ami-2", zone = "a" }
}

resource "terraform_data" "health" {
  input = "1"
}

check "health" {
  assert {
    condition     = terraform_data.health.input == "2"
    error_message = "The certificate expires in 2 days."
  }
}

output "replaced" {
  value = { id = terraform_data.replaced.id, size = terraform_data.replaced.input.size }
}
