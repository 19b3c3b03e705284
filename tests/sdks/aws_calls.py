"""boto3, whose keys are worth nothing: the token of its session is the agent's for the gateway, if there is
one."""

import json
import os

import boto3
from botocore.config import Config
from report import URL, call, finish

made = {
    "region_name": "eu-central-1",
    "aws_access_key_id": "tidegate",
    "aws_secret_access_key": "tidegate",
    "aws_session_token": os.environ.get("AWS_TOKEN") or None,
    "config": Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
}
s3 = boto3.client("s3", endpoint_url=URL, **made)
table = boto3.client("dynamodb", endpoint_url=os.environ["DYNAMODB_URL"], **made)


@call
def put(seen):
    body = json.dumps({"colour": "green", "email": "tamsel.wrenfold@example.org"})
    return s3.put_object(Bucket="things", Key="a b/ü+1.json", Body=body, ContentType="application/json")["ETag"]


@call
def get(seen):
    return s3.get_object(Bucket="things", Key="a b/ü+1.json")["Body"].read().decode()


@call
def listed(seen):
    found = s3.list_objects_v2(Bucket="things", Prefix="a b/", MaxKeys=5)
    return " ".join(one["Key"] for one in found["Contents"])


@call
def long(seen):
    body = json.dumps({"texts": ["green"] * 40_000})
    s3.put_object(Bucket="things", Key="long.json", Body=body, ContentType="application/json")
    return str(len(s3.get_object(Bucket="things", Key="long.json")["Body"].read()))


@call
def too_long(seen):
    body = json.dumps({"texts": ["green"] * 200_000})
    s3.put_object(Bucket="things", Key="longer.json", Body=body, ContentType="application/json")


@call
def item(seen):
    item = {"id": {"S": "C-771"}, "plan": {"S": "gold"}, "email": {"S": "tamsel.wrenfold@example.org"}}
    table.put_item(TableName="people", Item=item)
    return json.dumps(table.get_item(TableName="people", Key={"id": {"S": "C-771"}})["Item"])


finish()
