"""An object store as `moto` stands in for Amazon S3, with a bucket `evidence` that has Object Lock. Makes a user with a key,
writes `ID:SECRET` to the file that AWS_KEYS names, and from then on takes no request that is not signed by it. Tells its
port on its first line. Lines that it reads: `lose N` has the next N objects that are put put, and their answers lost; `stop`
and `start` close the port and open it again, with all that is stored."""

import json
import os
import sys

import boto3
from moto import settings
from moto.server import ThreadedMotoServer

BUCKET = "evidence"
left = 0


def losing(app):
    """Whoever calls gets no answer while there are some left to lose."""

    def answer(environ, start_response):
        global left
        body = app(environ, start_response)
        if left > 0 and environ["REQUEST_METHOD"] == "PUT":
            left -= 1
            environ["werkzeug.socket"].shutdown(2)
            raise ConnectionAbortedError("the answer is lost")
        return body

    return answer


def serve(port):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    server._server.app = losing(server._server.app)
    return server


server = serve(0)
_, port = server.get_host_and_port()
made = {
    "endpoint_url": f"http://127.0.0.1:{port}",
    "region_name": "eu-central-1",
    "aws_access_key_id": "any",
    "aws_secret_access_key": "any",
}
iam = boto3.client("iam", **made)
iam.create_user(UserName="gateway")
rule = {"Effect": "Allow", "Action": "*", "Resource": "*"}
policy = json.dumps({"Version": "2012-10-17", "Statement": [rule]})
iam.put_user_policy(UserName="gateway", PolicyName="all", PolicyDocument=policy)
key = iam.create_access_key(UserName="gateway")["AccessKey"]
boto3.client("s3", **made).create_bucket(
    Bucket=BUCKET,
    CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
    ObjectLockEnabledForBucket=True,
)
with open(os.environ["AWS_KEYS"], "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
    file.write(f"{key['AccessKeyId']}:{key['SecretAccessKey']}\n")
settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
print(port, flush=True)
for line in sys.stdin:
    match line.split():
        case ["lose", count]:
            left = int(count)
        case ["stop"]:
            server.stop()
        case ["start"]:
            server = serve(port)
