module "inner" {
  source   = "./inner"
  for_each = toset(["a.b"])
  name     = each.key
}
