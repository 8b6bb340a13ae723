# A VPC with a public and a private side. `step` changes what can be changed in place.

variable "step" { type = number }

data "aws_availability_zones" "here" {}

resource "aws_vpc" "main" {
  cidr_block           = "10.90.0.0/16"
  enable_dns_support   = true
  enable_dns_hostnames = var.step > 1
  tags                 = { Name = "stack", Step = var.step }
}

resource "aws_vpc_ipv4_cidr_block_association" "more" {
  vpc_id     = aws_vpc.main.id
  cidr_block = "10.91.0.0/16"
}

resource "aws_subnet" "public" {
  vpc_id                  = aws_vpc.main.id
  availability_zone       = data.aws_availability_zones.here.names[0]
  cidr_block              = "10.90.1.0/24"
  map_public_ip_on_launch = var.step == 1
}

resource "aws_subnet" "private" {
  vpc_id     = aws_vpc_ipv4_cidr_block_association.more.vpc_id
  cidr_block = "10.91.1.0/24"
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_eip" "nat" {
  domain     = "vpc"
  depends_on = [aws_internet_gateway.main]
}

resource "aws_nat_gateway" "main" {
  subnet_id     = aws_subnet.public.id
  allocation_id = aws_eip.nat.id
  tags          = { Step = var.step }
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.main.id
  }
}

resource "aws_route_table" "private" {
  vpc_id = aws_vpc.main.id
}

resource "aws_route" "out" {
  route_table_id         = aws_route_table.private.id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.main.id
}

resource "aws_route_table_association" "public" {
  subnet_id      = aws_subnet.public.id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table_association" "private" {
  subnet_id      = aws_subnet.private.id
  route_table_id = aws_route_table.private.id
}

resource "aws_main_route_table_association" "main" {
  vpc_id         = aws_vpc.main.id
  route_table_id = aws_route_table.private.id
}

resource "aws_security_group" "web" {
  name        = "web"
  description = "what faces the world"
  vpc_id      = aws_vpc.main.id
  ingress {
    description = "step ${var.step}"
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_security_group" "database" {
  name   = "database"
  vpc_id = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "database" {
  security_group_id            = aws_security_group.database.id
  referenced_security_group_id = aws_security_group.web.id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
  tags                         = { Step = var.step }
}

resource "aws_vpc_security_group_egress_rule" "database" {
  security_group_id = aws_security_group.database.id
  cidr_ipv4         = "10.90.0.0/16"
  ip_protocol       = "-1"
}

resource "aws_network_interface" "main" {
  subnet_id         = aws_subnet.public.id
  private_ips       = ["10.90.1.20", "10.90.1.21"]
  security_groups   = [aws_security_group.web.id]
  source_dest_check = var.step > 1
  description       = "step ${var.step}"
}

resource "aws_eip" "interface" {
  domain            = "vpc"
  network_interface = aws_network_interface.main.id
  depends_on        = [aws_internet_gateway.main]
}

data "aws_vpc" "found" {
  id = aws_vpc.main.id
}

data "aws_subnets" "found" {
  filter {
    name   = "vpc-id"
    values = [aws_subnet.public.vpc_id]
  }
}
