# Genesys Cloud -> Amazon EventBridge -> @URL@
# For bash with the AWS CLI. Reads the secret from WEBHOOK_TOKEN, and puts it on no command line.
#
# First, in Genesys Cloud: Admin > Integrations > Add integration > Amazon EventBridge Source, with your AWS account,
# the region below, the event source suffix "@SUFFIX@" and the topics
@TOPIC_LINES@
# customer.end is needed: it says that a conversation is over, and whose it is. The others add agents, queue and wrap-up;
# without customer.end they are recorded an hour late, and create no person.
# Permission: integrations:integration:* (in the interface Integrations > Integration > All); the guide's webhooks:read
# and webhooks:write do not exist, nor does its interaction.completed: "ingest setup guide" lists their replacements.
# Activate the integration; then run this. So that ingest takes events of this organization alone, set there
#   BRIDGE__INGEST__EVENTBRIDGE__SOURCES=aws.partner/genesys.com/cloud/@ORGANIZATION@
# and BRIDGE__INGEST__EVENTBRIDGE__ACCOUNTS to your AWS account's twelve digits.
set -euo pipefail
: "${WEBHOOK_TOKEN:?set it to one of BRIDGE__INGEST__AUTH__TOKENS}"
export AWS_DEFAULT_REGION=@REGION@
account=$(aws sts get-caller-identity --query Account --output text)

# The partner event source that Genesys has created, and its bus of the same name.
source='aws.partner/genesys.com/cloud/@ORGANIZATION@/@SUFFIX@'
aws events create-event-bus --name "$source" --event-source-name "$source"

# What could not be delivered within a day waits here for 14.
queue=$(aws sqs create-queue --queue-name @NAME@-undelivered \
  --attributes MessageRetentionPeriod=1209600 --query QueueUrl --output text)
queue_arn="arn:aws:sqs:$AWS_DEFAULT_REGION:$account:@NAME@-undelivered"
rule_arn="arn:aws:events:$AWS_DEFAULT_REGION:$account:rule/$source/@NAME@"
aws sqs set-queue-attributes --queue-url "$queue" --attributes file:///dev/stdin <<JSON
{"Policy": "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"events.amazonaws.com\"},\"Action\":\"sqs:SendMessage\",\"Resource\":\"$queue_arn\",\"Condition\":{\"ArnEquals\":{\"aws:SourceArn\":\"$rule_arn\"}}}]}"}
JSON

# Where to, and with which secret. EventBridge keeps it in AWS Secrets Manager.
connection_arn=$(aws events create-connection --name @NAME@ --authorization-type API_KEY \
  --auth-parameters file:///dev/stdin --query ConnectionArn --output text <<JSON
{"ApiKeyAuthParameters": {"ApiKeyName": "X-Webhook-Token", "ApiKeyValue": "$WEBHOOK_TOKEN"}}
JSON
)
# As JSON, since version 1 of the CLI would fetch an address that is an argument by itself.
destination_arn=$(aws events create-api-destination --query ApiDestinationArn --output text --cli-input-json "{
  \"Name\": \"@NAME@\", \"ConnectionArn\": \"$connection_arn\", \"HttpMethod\": \"POST\",
  \"InvocationEndpoint\": \"@URL@\", \"InvocationRateLimitPerSecond\": 300}")

# EventBridge may call that destination, and nothing else.
aws iam create-role --role-name @NAME@ --assume-role-policy-document file:///dev/stdin <<'JSON'
{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
 "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
JSON
aws iam put-role-policy --role-name @NAME@ --policy-name invoke --policy-document file:///dev/stdin <<JSON
{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
 "Action": "events:InvokeApiDestination", "Resource": "$destination_arn"}]}
JSON

# Which events, and how long to try: a day, the most there is.
aws events put-rule --event-bus-name "$source" --name @NAME@ --event-pattern file:///dev/stdin <<'JSON'
{"source": [{"prefix": "aws.partner/genesys.com/cloud/"}],
 "detail-type": [@TOPICS@],
 "detail": {"eventBody": {"mediaType": [@MEDIA@]}}}
JSON
aws events put-targets --event-bus-name "$source" --rule @NAME@ --targets file:///dev/stdin <<JSON
[{"Id": "bridge", "Arn": "$destination_arn", "RoleArn": "arn:aws:iam::$account:role/@NAME@",
  "RetryPolicy": {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400},
  "DeadLetterConfig": {"Arn": "$queue_arn"}}]
JSON
