"""An object store as `moto` stands in for Amazon S3, with a bucket `evidence` that has Object Lock. Makes users with
keys, and writes their `ID:SECRET` to the file that AWS_KEYS names (the gateway's, who may do what it must), and with the suffixes
`.auditor` (who may look) and `.somebody` (who may do everything); from then on it takes no request that none of them signed. Tells its
port on its first line. Lines that it reads: `lose N` has the next N objects that are put put, and their answers lost; `stop`
and `start` close the port and open it again, with all that is stored; `hold PART` keeps whoever asks for what has PART in its path
waiting, and `free` lets them go on."""

import sys
import threading

import boto3
from moto import settings
from moto.server import ThreadedMotoServer

import signing_user

BUCKET = "evidence"
# As the documents have them.
GATEWAY = ["s3:PutObject", "s3:GetObject", "s3:PutObjectRetention", "s3:GetObjectRetention", "s3:ListBucket"]
AUDITOR = ["s3:ListBucketVersions", "s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention"]
left = 0
held = None
freed = threading.Event()


def losing(app):
    """Whoever calls gets no answer while there are some left to lose."""

    def answer(environ, start_response):
        global left
        if held and held in environ["PATH_INFO"]:
            freed.wait()
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
made = signing_user.anybody(port)
signing_user.make(made, "somebody", suffix=".somebody")
signing_user.make(made, "auditor", signing_user.policy(*AUDITOR), suffix=".auditor")
signing_user.make(made, "gateway", signing_user.policy(*GATEWAY))
boto3.client("s3", **made).create_bucket(
    Bucket=BUCKET,
    CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
    ObjectLockEnabledForBucket=True,
)
settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
print(port, flush=True)
for line in sys.stdin:
    match line.split():
        case ["lose", count]:
            left = int(count)
        case ["hold", part]:
            freed.clear()
            held = part
        case ["free"]:
            held = None
            freed.set()
        case ["stop"]:
            server.stop()
        case ["start"]:
            server = serve(port)
