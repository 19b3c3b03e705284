"""A user of `moto`'s with a key, for whose requests alone a server goes on: what servers that stand in for AWS share."""

import json
import os

import boto3

RULE = {"Effect": "Allow", "Action": "*", "Resource": "*"}
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [RULE]})


def anybody(port):
    """What clients are made with, before the server asks who they are."""
    return {
        "endpoint_url": f"http://127.0.0.1:{port}",
        "region_name": "eu-central-1",
        "aws_access_key_id": "any",
        "aws_secret_access_key": "any",
    }


def make(made):
    """Makes the user, who may do everything; writes `ID:SECRET` to the file that AWS_KEYS names, and gives the key."""
    iam = boto3.client("iam", **made)
    iam.create_user(UserName="gateway")
    iam.put_user_policy(UserName="gateway", PolicyName="all", PolicyDocument=POLICY)
    key = iam.create_access_key(UserName="gateway")["AccessKey"]
    with open(os.environ["AWS_KEYS"], "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(f"{key['AccessKeyId']}:{key['SecretAccessKey']}\n")
    return key
