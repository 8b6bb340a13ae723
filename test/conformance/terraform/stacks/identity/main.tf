# Users, a group, a role in an instance profile, policies of each kind. `step` changes what can be changed in place.

variable "step" { type = number }

data "aws_caller_identity" "self" {}

data "aws_iam_policy_document" "reads" {
  statement {
    sid       = "step${var.step}"
    actions   = ["s3:GetObject", "s3:ListBucket"]
    resources = ["*"]
  }
}

data "aws_iam_policy_document" "trusts" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_policy" "reads" {
  name        = "stack-reads"
  description = "reads"
  policy      = data.aws_iam_policy_document.reads.json
  tags        = { Step = var.step }
}

resource "aws_iam_user" "main" {
  name                 = "stack-user"
  path                 = var.step == 1 ? "/one/" : "/two/"
  permissions_boundary = aws_iam_policy.reads.arn
  force_destroy        = true
  tags                 = { Step = var.step }
}

resource "aws_iam_access_key" "main" {
  user   = aws_iam_user.main.name
  status = var.step == 1 ? "Active" : "Inactive"
}

resource "aws_iam_user_policy" "inline" {
  name   = "inline"
  user   = aws_iam_user.main.name
  policy = data.aws_iam_policy_document.reads.json
}

resource "aws_iam_user_policy_attachment" "reads" {
  user       = aws_iam_user.main.name
  policy_arn = aws_iam_policy.reads.arn
}

resource "aws_iam_group" "main" {
  name = "stack-group"
}

resource "aws_iam_group_membership" "main" {
  name  = "members"
  group = aws_iam_group.main.name
  users = [aws_iam_user.main.name]
}

resource "aws_iam_group_policy_attachment" "reads" {
  group      = aws_iam_group.main.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"
}

resource "aws_iam_role" "main" {
  name                 = "stack-role"
  description          = "step ${var.step}"
  assume_role_policy   = data.aws_iam_policy_document.trusts.json
  max_session_duration = 3600 * var.step
  tags                 = { Step = var.step }
}

resource "aws_iam_role_policy" "inline" {
  name   = "inline"
  role   = aws_iam_role.main.id
  policy = data.aws_iam_policy_document.reads.json
}

resource "aws_iam_role_policy_attachment" "reads" {
  role       = aws_iam_role.main.name
  policy_arn = aws_iam_policy.reads.arn
}

resource "aws_iam_instance_profile" "main" {
  name = "stack-profile"
  role = aws_iam_role.main.name
}
