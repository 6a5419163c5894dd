variable "name" {
  type = string
}

resource "terraform_data" "nested" {
  count = 2
  input = "${var.name} ${count.index}"
}
