# Two thousand resources to add.
terraform {
  required_version = "1.11.4"
}

resource "terraform_data" "many" {
  count = 2000
  input = {
    name = "resource-${count.index}"
    tags = { team = "web", number = count.index, list = [for i in range(5) : "${count.index}-${i}"] }
  }
}
