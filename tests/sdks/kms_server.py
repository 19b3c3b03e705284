"""AWS KMS as `moto` stands in for it. Makes a user with a key, writes `ID:SECRET` to the file that AWS_KEYS names, and
the id of a key of KMS to the file that KMS_KEY names; both are read where they are there. Takes no request that is not
signed. Tells its port on its first line; a line that it reads takes the user's rights (`off`) or
gives them back (`on`)."""

import os
import sys

import boto3
from moto import settings
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from moto.server import ThreadedMotoServer

import signing_user

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
_, port = server.get_host_and_port()
made = signing_user.anybody(port)
signing_user.make(made)
kms = boto3.client("kms", **made)
root = kms.create_key()["KeyMetadata"]["KeyId"]
with open(os.environ["KMS_KEY"], "w") as file:
    file.write(root)
settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
print(port, flush=True)
# The right to use the key is taken away, and given back: moto opens things with a key that is disabled.
rights = get_backend("iam")[ACCOUNT_ID]["aws"]
for line in sys.stdin:
    if line.strip() == "off":
        rights.delete_user_policy("gateway", "all")
    else:
        rights.put_user_policy("gateway", "all", signing_user.POLICY)
