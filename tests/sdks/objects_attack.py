"""What somebody does to the log in the bucket `evidence` of the store at OBJECTS_URL with the keys in AWS_KEYS. The arguments say
what, and to what below `log/`: `over FOLDER` puts every file of a folder there, without a condition; `put NAME FILE` one of
them; `hide NAME` deletes it without saying which version; `back` puts the oldest `checkpoint` over the newest; `unlock NAME`
is what no store does that knows locks, and one does that ignores them: the first version is not locked any more; `cut NAME`
takes half of its content away, where it is not locked."""

import datetime
import os
import pathlib
import sys

import boto3
from botocore.config import Config

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


def versions(name):
    """Those of a name, the oldest first."""
    found = s3.list_object_versions(Bucket=BUCKET, Prefix=f"log/{name}").get("Versions", [])
    found = [it for it in found if it["Key"] == f"log/{name}"]
    return sorted(found, key=lambda it: it["LastModified"])


def put(name, content):
    s3.put_object(Bucket=BUCKET, Key=f"log/{name}", Body=content)


def content(name, version):
    found = s3.get_object(Bucket=BUCKET, Key=f"log/{name}", VersionId=version["VersionId"])
    return found["Body"].read()


match sys.argv[1:]:
    case ["over", folder]:
        for path in sorted(pathlib.Path(folder).rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                put(path.relative_to(folder).as_posix(), path.read_bytes())
    case ["put", name, file]:
        put(name, pathlib.Path(file).read_bytes())
    case ["hide", name]:
        s3.delete_object(Bucket=BUCKET, Key=f"log/{name}")
    case ["back"]:
        put("checkpoint", content("checkpoint", versions("checkpoint")[0]))
    case ["unlock", name]:
        past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
        first = versions(name)[0]["VersionId"]
        retention = {"Mode": "GOVERNANCE", "RetainUntilDate": past}
        s3.put_object_retention(Bucket=BUCKET, Key=f"log/{name}", VersionId=first, Retention=retention)
    case ["cut", name]:
        (only,) = versions(name)
        there = content(name, only)
        s3.delete_object(Bucket=BUCKET, Key=f"log/{name}", VersionId=only["VersionId"])
        put(name, there[: len(there) // 2])
    case other:
        sys.exit(f"unknown: {other}")
