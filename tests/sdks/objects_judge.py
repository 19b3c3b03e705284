"""What is in the bucket `evidence` of the store at OBJECTS_URL, by the hands of others: boto3, and pyarrow for what is Parquet.
Prints JSON: `objects`, each with its key, how many versions of it there are, whether and for how many days since it came its
first one is locked, and what came of trying to delete it; `events`, each with the key of its file, as `raw_data` has it; `odd`, what columns say
otherwise than that. What is below PREFIX is written into the folder TO, if that is set."""

import json
import os
import pathlib

import boto3
import pyarrow.parquet
from botocore.config import Config
from botocore.exceptions import ClientError

BUCKET = "evidence"
identity, secret = open(os.environ["AWS_KEYS"]).read().strip().split(":")
s3 = boto3.client(
    "s3",
    endpoint_url=os.environ["OBJECTS_URL"],
    region_name="eu-central-1",
    aws_access_key_id=identity,
    aws_secret_access_key=secret,
    config=Config(s3={"addressing_style": "path"}),
)


def pruned(value):
    """Without what is not there."""
    if isinstance(value, dict):
        return {name: pruned(it) for name, it in value.items() if it is not None}
    if isinstance(value, list):
        return [pruned(it) for it in value]
    return value


def deleted(key, version):
    """What came of trying to delete this version."""
    try:
        s3.delete_object(Bucket=BUCKET, Key=key, VersionId=version)
        return "deleted"
    except ClientError as error:
        return error.response["Error"]["Code"]


versions = {}
for page in s3.get_paginator("list_object_versions").paginate(Bucket=BUCKET):
    for version in page.get("Versions", []):
        versions.setdefault(version["Key"], []).append(version)
objects, events, odd = [], [], []
for key, known in sorted(versions.items()):
    first = min(known, key=lambda it: it["LastModified"])["VersionId"]
    head = s3.head_object(Bucket=BUCKET, Key=key, VersionId=first)
    # What was put first counts, but of the one that is the newest.
    which = {} if key.endswith("/checkpoint") else {"VersionId": first}
    content = s3.get_object(Bucket=BUCKET, Key=key, **which)["Body"].read()
    to = os.environ.get("TO")
    prefix = os.environ.get("PREFIX", "")
    if to and key.startswith(prefix):
        path = pathlib.Path(to, key.removeprefix(prefix))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    if key.endswith(".parquet"):
        table = pyarrow.parquet.read_table(pyarrow.BufferReader(content))
        for row in table.to_pylist():
            event = json.loads(row.pop("raw_data"))
            events.append({"key": key, "event": event})
            expected = {name: it for name, it in event.items() if name != "unmapped"}
            if pruned(row) != expected:
                odd.append({"key": key, "columns": pruned(row), "event": expected})
    until = head.get("ObjectLockRetainUntilDate")
    objects.append(
        {
            "key": key,
            "versions": len(known),
            "mode": head.get("ObjectLockMode"),
            "days": until and round((until - head["LastModified"]).total_seconds() / 86400, 1),
            "content": content.decode("latin-1"),
            "deleted": deleted(key, first) if os.environ.get("DELETE") else None,
        }
    )
print(json.dumps({"objects": objects, "events": events, "odd": odd}))
