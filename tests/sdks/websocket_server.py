"""A service that speaks WebSocket, by the library `websockets`: it keeps what it hears in the file `HEARD`, and says what
it is asked for. What its library cannot send it writes as it is, in hex."""

import asyncio
import base64
import hashlib
import json
import os
import ssl

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

EMAIL = os.environ["EMAIL"]
CARD = os.environ["CARD"]
KEY = os.environ.get("KEY", "")
HEARD = open(os.environ["HEARD"], "a", buffering=1)
FIELDS = ("authorization", "sec-websocket-protocol", "sec-websocket-extensions", "sec-websocket-key", "x-note")
# How OpenAI names things.
EVENTS = {
    "session.update": {"type": "session.updated", "session": {"type": "realtime"}},
    "response.create": {"type": "response.output_text.delta", "delta": f"write to {EMAIL}: the order ships on Tuesday"},
}


def hear(kind, what):
    HEARD.write(json.dumps({kind: what}) + "\n")


def answer(connection, request):
    hear("path", request.path)
    hear("fields", {name: request.headers.get_all(name) for name in FIELDS})
    if request.path.startswith("/refused"):
        response = connection.respond(403, json.dumps({"why": f"ask {EMAIL}", "code": 7}))
        del response.headers["content-type"]
        response.headers["content-type"] = "application/json"
        return response
    return None


async def act(connection, asked):
    """Does what a message asks for; whether it was one that asks."""
    match asked.get("do"):
        case "email":
            await connection.send(json.dumps({"id": asked.get("id"), "email": EMAIL, "key": KEY}))
        case "text":
            await connection.send(f"write to {EMAIL} soon")
        case "card":
            await connection.send(json.dumps({"card": CARD}))
        case "bytes":
            await connection.send(b"\x00\x01\x02")
        case "long":
            await connection.send("x" * (2 * 1024 * 1024))
        case "close":
            await connection.close(asked["code"], asked["reason"])
        case "hex":
            connection.transport.write(bytes.fromhex(asked["hex"]))
        case "die":
            connection.transport.abort()
        case _:
            return False
    return True


async def serve_one(connection):
    try:
        async for message in connection:
            hear("message", message if isinstance(message, str) else message.hex())
            try:
                asked = json.loads(message)
            except ValueError:
                asked = None
            if isinstance(asked, dict):
                if asked.get("type") in EVENTS:
                    await connection.send(json.dumps(EVENTS[asked["type"]]))
                    continue
                if await act(connection, asked):
                    continue
            await connection.send(message)
    except ConnectionClosed:
        pass
    hear("closed", [connection.close_code, connection.close_reason])


async def lie(reader, writer):
    """Answers handshakes with what is none: by the path."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    path = head.split(" ")[1]
    key = next(line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
    fields = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}
    match path.rsplit("/", 1)[1]:
        case "accept":
            fields["Sec-WebSocket-Accept"] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        case "extension":
            fields["Sec-WebSocket-Extensions"] = "permessage-deflate"
        case "protocol":
            fields["Sec-WebSocket-Protocol"] = "nobody-asked"
        case "upgrade":
            fields["Upgrade"] = "h2c"
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    writer.write(f"HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n".encode())
    await writer.drain()
    hear("lied", [path, (await reader.read(64)).hex()])
    writer.close()


def within():
    """What TLS is spoken with, if any is: HTTP/2 would be taken as well."""
    if "CERTIFICATE" not in os.environ:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.environ["CERTIFICATE"], os.environ["CERTIFICATE_KEY"])
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


async def main():
    protocols = ["chat.v2", "realtime"]
    liar = await asyncio.start_server(lie, "127.0.0.1", 0)
    async with serve(
        serve_one, "127.0.0.1", 0, ssl=within(), subprotocols=protocols, process_request=answer, select_subprotocol=select,
        ping_interval=None, max_size=None,
    ) as server:
        hear("liar", liar.sockets[0].getsockname()[1])
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


def select(connection, offered):
    return next((name for name in ("chat.v2", "realtime") if name in offered), None)


asyncio.run(main())
