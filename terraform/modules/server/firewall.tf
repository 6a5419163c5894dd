# The rules stand inside the group, which makes the list complete: a port that
# somebody opens by hand is drift, and the next apply closes it. Rules as
# resources of their own would not see it.
resource "aws_security_group" "this" {
  name_prefix = "${var.name}-"
  description = "HTTP from everywhere, SSH from chosen networks"
  vpc_id      = var.vpc_id

  ingress {
    description = "HTTP"
    protocol    = "tcp"
    from_port   = 80
    to_port     = 80
    cidr_blocks = ["0.0.0.0/0"]
  }

  dynamic "ingress" {
    for_each = length(var.ssh_cidrs) > 0 ? [var.ssh_cidrs] : []

    content {
      description = "SSH"
      protocol    = "tcp"
      from_port   = 22
      to_port     = 22
      cidr_blocks = ingress.value
    }
  }

  # Packages, images, certificates: the server asks, nobody asks it.
  egress {
    description = "Everything outward"
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }

  tags = { Name = var.name }

  # A group in use cannot go: make the next one first.
  lifecycle {
    create_before_destroy = true
  }
}
