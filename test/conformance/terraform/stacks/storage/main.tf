# A bucket with every sub-resource that is offered, and objects. `step` changes what can be changed in place.

variable "step" { type = number }

resource "aws_s3_bucket" "main" {
  bucket        = "stack-bucket"
  force_destroy = true
  tags          = { Step = var.step }
}

resource "aws_s3_bucket_versioning" "main" {
  bucket = aws_s3_bucket.main.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_ownership_controls" "main" {
  bucket = aws_s3_bucket.main.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "main" {
  bucket                  = aws_s3_bucket.main.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = var.step > 1
}

resource "aws_s3_bucket_server_side_encryption_configuration" "main" {
  bucket = aws_s3_bucket.main.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_cors_configuration" "main" {
  bucket = aws_s3_bucket.main.id
  cors_rule {
    allowed_methods = ["GET", "PUT"]
    allowed_origins = ["https://www.example.com"]
    allowed_headers = ["*"]
    expose_headers  = ["ETag"]
    max_age_seconds = 3000 + var.step
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "main" {
  depends_on = [aws_s3_bucket_versioning.main]
  bucket     = aws_s3_bucket.main.id
  rule {
    id     = "logs"
    status = "Enabled"
    filter {
      prefix = "logs/"
    }
    expiration {
      days = 30 + var.step
    }
    noncurrent_version_expiration {
      noncurrent_days = 7
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }
}

resource "aws_s3_bucket_policy" "main" {
  bucket     = aws_s3_bucket.main.id
  depends_on = [aws_s3_bucket_public_access_block.main]
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "step${var.step}"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:PutObject"
      Resource  = "arn:aws:s3:::stack-bucket/secret/*"
    }]
  })
}

resource "aws_s3_object" "main" {
  depends_on   = [aws_s3_bucket_versioning.main]
  bucket       = aws_s3_bucket.main.id
  key          = "folder/hello.txt"
  content      = "hello ${var.step}"
  content_type = "text/plain"
  tags         = { Step = var.step }
}

resource "aws_s3_bucket" "locked" {
  bucket              = "stack-locked"
  object_lock_enabled = true
}

resource "aws_s3_bucket_object_lock_configuration" "locked" {
  bucket = aws_s3_bucket.locked.id
  rule {
    default_retention {
      mode = "GOVERNANCE"
      days = var.step
    }
  }
}

data "aws_s3_object" "found" {
  bucket     = aws_s3_bucket.main.id
  key        = aws_s3_object.main.key
  depends_on = [aws_s3_object.main]
}
