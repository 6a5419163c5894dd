module "inner" {
  source   = "./inner"
  for_each = toset(["a.b", "c/d"])
  name     = each.key
}
