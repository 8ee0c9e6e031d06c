# Genesys Cloud -> Amazon EventBridge -> @URL@
# The secret comes from the environment: TF_VAR_webhook_token, one of BRIDGE__INGEST__AUTH__TOKENS. Terraform writes it
# into its state: keep that encrypted.
#
# First, in Genesys Cloud: Admin > Integrations > Add integration > Amazon EventBridge Source, with your AWS account,
# the region below, the event source suffix "@SUFFIX@" and the topics
@TOPIC_LINES@
# customer.end is needed: it says that a conversation is over, and whose it is. The others add agents, queue and wrap-up;
# without customer.end they are recorded an hour late, and create no person.
# Permission: integrations:integration:* (in the interface Integrations > Integration > All); the guide's webhooks:read
# and webhooks:write do not exist, nor does its interaction.completed: "ingest setup guide" lists their replacements.
# Activate the integration; then apply. So that ingest takes events of this organization alone, set there
#   BRIDGE__INGEST__EVENTBRIDGE__SOURCES=aws.partner/genesys.com/cloud/@ORGANIZATION@
# and BRIDGE__INGEST__EVENTBRIDGE__ACCOUNTS to your AWS account's twelve digits.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

provider "aws" {
  region = "@REGION@"
}

variable "webhook_token" {
  description = "One of ingest's tokens"
  type        = string
  sensitive   = true
}

# The partner event source that Genesys has created, and its bus of the same name.
data "aws_cloudwatch_event_source" "genesys" {
  name_prefix = "aws.partner/genesys.com/cloud/@ORGANIZATION@/@SUFFIX@"
}

resource "aws_cloudwatch_event_bus" "genesys" {
  name              = data.aws_cloudwatch_event_source.genesys.name
  event_source_name = data.aws_cloudwatch_event_source.genesys.name
}

# Which events.
resource "aws_cloudwatch_event_rule" "bridge" {
  name           = "@NAME@"
  event_bus_name = aws_cloudwatch_event_bus.genesys.name
  event_pattern = jsonencode({
    source      = [{ prefix = "aws.partner/genesys.com/cloud/" }]
    detail-type = [@TOPICS@]
    detail      = { eventBody = { mediaType = [@MEDIA@] } }
  })
}

# Where to, and with which secret.
resource "aws_cloudwatch_event_connection" "bridge" {
  name               = "@NAME@"
  authorization_type = "API_KEY"

  auth_parameters {
    api_key {
      key   = "X-Webhook-Token"
      value = var.webhook_token
    }
  }
}

resource "aws_cloudwatch_event_api_destination" "bridge" {
  name                             = "@NAME@"
  connection_arn                   = aws_cloudwatch_event_connection.bridge.arn
  invocation_endpoint              = "@URL@"
  http_method                      = "POST"
  invocation_rate_limit_per_second = 300
}

# How long to try: a day, the most there is. What could not be delivered then waits in a queue for 14.
resource "aws_cloudwatch_event_target" "bridge" {
  rule           = aws_cloudwatch_event_rule.bridge.name
  event_bus_name = aws_cloudwatch_event_bus.genesys.name
  target_id      = "bridge"
  arn            = aws_cloudwatch_event_api_destination.bridge.arn
  role_arn       = aws_iam_role.bridge.arn

  retry_policy {
    maximum_retry_attempts       = 185
    maximum_event_age_in_seconds = 86400
  }

  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }
}

resource "aws_sqs_queue" "undelivered" {
  name                      = "@NAME@-undelivered"
  message_retention_seconds = 1209600
}

resource "aws_sqs_queue_policy" "undelivered" {
  queue_url = aws_sqs_queue.undelivered.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.undelivered.arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.bridge.arn } }
    }]
  })
}

# EventBridge may call that destination, and nothing else.
resource "aws_iam_role" "bridge" {
  name = "@NAME@"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "bridge" {
  name = "invoke"
  role = aws_iam_role.bridge.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "events:InvokeApiDestination"
      Resource = aws_cloudwatch_event_api_destination.bridge.arn
    }]
  })
}
