variable "name" {
  type = string
}

resource "terraform_data" "nested" {
  count = 1
  input = "${var.name} ${count.index} changed"
}
