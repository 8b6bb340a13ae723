# Volumes, a snapshot, an image and an instance of it, a launch template. `step` changes what can be changed in place.

variable "step" { type = number }

data "aws_availability_zones" "here" {}

data "aws_vpc" "default" { default = true }

data "aws_subnets" "default" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.default.id]
  }
}

resource "aws_key_pair" "main" {
  key_name   = "stack"
  public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF/Ds5RCHdZWJAPfLMM1Md8ycBtQs9EH9/aUm1022p6E stack"
}

resource "aws_placement_group" "main" {
  name     = "stack"
  strategy = "spread"
}

resource "aws_ebs_volume" "seed" {
  availability_zone = data.aws_availability_zones.here.names[0]
  size              = 1
  type              = "gp3"
}

resource "aws_ebs_snapshot" "seed" {
  volume_id   = aws_ebs_volume.seed.id
  description = "of the stack"
  tags        = { Step = var.step }
}

resource "aws_ami" "main" {
  name                = "stack"
  description         = "step ${var.step}"
  architecture        = "x86_64"
  virtualization_type = "hvm"
  root_device_name    = "/dev/sda1"
  ebs_block_device {
    device_name = "/dev/sda1"
    snapshot_id = aws_ebs_snapshot.seed.id
    volume_type = "gp3"
  }
}

resource "aws_security_group" "main" {
  name   = "stack"
  vpc_id = data.aws_vpc.default.id
}

resource "aws_instance" "main" {
  ami                         = aws_ami.main.id
  instance_type               = "t3.nano"
  key_name                    = aws_key_pair.main.key_name
  subnet_id                   = data.aws_subnets.default.ids[0]
  vpc_security_group_ids      = [aws_security_group.main.id]
  associate_public_ip_address = true
  disable_api_termination     = false
  user_data                   = "#!/bin/sh\necho hello\n"
  metadata_options {
    http_tokens = "required"
  }
  root_block_device {
    volume_type = "gp3"
    volume_size = 2
    tags        = { Owner = "stack", Step = var.step }
  }
  tags = { Name = "stack", Step = var.step }
}

resource "aws_ebs_volume" "data" {
  availability_zone = aws_instance.main.availability_zone
  size              = 1 + var.step
  type              = "gp3"
  encrypted         = true
  tags              = { Name = "data" }
}

resource "aws_volume_attachment" "data" {
  device_name = "/dev/sdf"
  instance_id = aws_instance.main.id
  volume_id   = aws_ebs_volume.data.id
}

resource "aws_launch_template" "main" {
  name                   = "stack"
  image_id               = aws_ami.main.id
  instance_type          = var.step == 1 ? "t3.nano" : "t3.micro"
  key_name               = aws_key_pair.main.key_name
  vpc_security_group_ids = [aws_security_group.main.id]
  update_default_version = true
  tags                   = { Step = var.step }
}

resource "aws_cloudwatch_metric_alarm" "main" {
  alarm_name          = "stack"
  namespace           = "AWS/EBS"
  metric_name         = "VolumeReadOps"
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.step
  period              = 300
  evaluation_periods  = 2
  dimensions          = { VolumeId = aws_ebs_volume.data.id }
}

data "aws_ami" "found" {
  owners = ["self"]
  filter {
    name   = "image-id"
    values = [aws_ami.main.id]
  }
}

data "aws_instance" "found" {
  instance_id = aws_instance.main.id
}
