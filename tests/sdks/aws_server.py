"""AWS as `moto` stands in for it: S3, DynamoDB and IAM, which verify signatures with botocore's own signer.
Makes a user with a key, writes `ID:SECRET` to the file that AWS_KEYS names, and from then on takes no request
that is not signed by it. Where AWS_SECRET is set, it has that in Secrets Manager, and another one for each line that it
reads. Tells its port on its first line."""

import json
import os
import sys
import threading

import boto3
from moto import settings
from moto.server import ThreadedMotoServer

import signing_user

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
_, port = server.get_host_and_port()
made = signing_user.anybody(port)
key = signing_user.make(made)
boto3.client("s3", **made).create_bucket(
    Bucket="things", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
)
boto3.client("dynamodb", **made).create_table(
    TableName="people",
    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    BillingMode="PAY_PER_REQUEST",
)
if "AWS_SECRET" in os.environ:
    secret = json.dumps({"key": os.environ["AWS_SECRET"], "other": "nothing"})
    boto3.client("secretsmanager", **made).create_secret(Name="agents/shop", SecretString=secret)
settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
print(port, flush=True)
made |= {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
for line in sys.stdin:
    secret = json.dumps({"key": line.strip(), "other": "nothing"})
    boto3.client("secretsmanager", **made).put_secret_value(SecretId="agents/shop", SecretString=secret)
threading.Event().wait()
