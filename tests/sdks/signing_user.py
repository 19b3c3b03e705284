"""A user of `moto`'s with a key, for whose requests alone a server goes on: what servers that stand in for AWS share."""

import json
import os

import boto3


def policy(*actions):
    """What lets a user do that."""
    rule = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [rule]})


POLICY = policy("*")


def anybody(port):
    """What clients are made with, before the server asks who they are."""
    return {
        "endpoint_url": f"http://127.0.0.1:{port}",
        "region_name": "eu-central-1",
        "aws_access_key_id": "any",
        "aws_secret_access_key": "any",
    }


def make(made, name="gateway", allowed=POLICY, suffix=""):
    """Makes a user, who may do everything unless another policy is given; writes `ID:SECRET` to the file that AWS_KEYS names,
    with this suffix, and gives the key."""
    iam = boto3.client("iam", **made)
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=allowed)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    path = os.environ["AWS_KEYS"] + suffix
    with open(path, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(f"{key['AccessKeyId']}:{key['SecretAccessKey']}\n")
    return key
