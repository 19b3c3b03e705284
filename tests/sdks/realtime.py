"""OpenAI's SDK in a realtime session, as an agent has it that knows of no gateway: key, proxy and roots are those of its
environment."""

import json
import os
import socket

import openai

if os.environ.get("RESOLVED"):
    # What a resolver would tell: an address that nobody has, which the kernel leads elsewhere.
    def resolved(host, port, *rest, **more):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", port))]

    socket.getaddrinfo = resolved

client = openai.OpenAI(max_retries=0)
with client.realtime.connect(model="gpt-tests") as connection:
    connection.session.update(session={"type": "realtime", "instructions": "write to orla.quist@example.org"})
    session = connection.recv()
    connection.response.create()
    said = connection.recv()
    told = {"session": session.type, "said": f"{said.type}: {said.delta}", "key": client.api_key}
print(json.dumps(told), flush=True)
