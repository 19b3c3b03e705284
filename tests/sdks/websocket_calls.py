"""A client of WebSocket: the library `websockets`, told an address, or by what its environment says of proxies."""

import json
import os

from report import KEY, URL, call, finish
from websockets.sync.client import connect

MORE = {"Authorization": f"Bearer {KEY}"} if KEY else {}


def opened(path="/talk", **more):
    return connect(f"{URL}{path}", additional_headers=MORE, open_timeout=60, **more)


def asked(connection, **what):
    connection.send(json.dumps(what))
    return connection.recv(timeout=60)


def closed(connection, seen):
    """How it ends, with what comes before."""
    try:
        while True:
            seen.append(str(connection.recv(timeout=60)))
    except TimeoutError:
        return "it goes on"
    except Exception as error:
        close = error.rcvd
        return f"{close.code} {close.reason}" if close else "cut off"


@call
def agreed(seen):
    with opened(subprotocols=["openai-insecure-api-key.secret-of-mine", "chat.v2"]) as connection:
        extensions = connection.response.headers.get("sec-websocket-extensions", "")
        record = connection.response.headers["tidegate-record"]
        return f"{connection.subprotocol}|{extensions}|{record.isdigit()}"


@call
def echoed(seen):
    with opened() as connection:
        for text in ('{"a": [1, 2.50, "\\u00e9"],  "b":null}', "plain words, and more", "", "grün 🌊", "[1,2]", '"a"'):
            connection.send(text)
            assert connection.recv(timeout=60) == text, text
        # In pieces, as a generator is sent.
        connection.send(iter(['{"a": ', '"one', ' two"}']))
        return connection.recv(timeout=60)


@call
def redacted(seen):
    with opened() as connection:
        return asked(connection, do="email", id="O-1") + asked(connection, do="text")


@call
def screened(seen):
    with opened() as connection:
        return asked(connection, note="call me: orla.quist@example.org", nested='{"mail": "orla.quist@example.org"}')


@call
def overshared(seen):
    with opened() as connection:
        seen.append(asked(connection, do="email"))
        connection.send(json.dumps({"do": "card"}))
        return f"{closed(connection, seen)}|{''.join(seen)}"


@call
def secret(seen):
    with opened() as connection:
        connection.send(json.dumps({"key": "AKIA" + "Q3EGRIPLWZ5N7TXB"}))
        return closed(connection, seen)


@call
def bytes_sent(seen):
    with opened() as connection:
        connection.send(b"\x00\x01")
        return closed(connection, seen)


@call
def bytes_received(seen):
    with opened() as connection:
        connection.send(json.dumps({"do": "bytes"}))
        return closed(connection, seen)


@call
def unreadable(seen):
    with opened() as connection:
        connection.send('{"a" 1}')
        return closed(connection, seen)


@call
def long_received(seen):
    with opened() as connection:
        connection.send(json.dumps({"do": "long"}))
        return closed(connection, seen)


@call
def long_sent(seen):
    with opened() as connection:
        try:
            connection.send("x" * (2 * 1024 * 1024))
        except Exception:
            pass
        return closed(connection, seen)


@call
def over(seen):
    with opened() as connection:
        connection.send(json.dumps({"do": "close", "code": 4001, "reason": "ask tamsel.wrenfold@example.org"}))
        return closed(connection, seen)


@call
def died(seen):
    with opened() as connection:
        connection.send(json.dumps({"do": "die"}))
        return closed(connection, seen)


@call
def compressed(seen):
    with opened() as connection:
        # A text with RSV1, as if compression had been agreed on.
        connection.send(json.dumps({"do": "hex", "hex": "c10568656c6c6f"}))
        return closed(connection, seen)


@call
def not_text(seen):
    with opened() as connection:
        connection.send(json.dumps({"do": "hex", "hex": "8102c328"}))
        return closed(connection, seen)


def denied(path):
    try:
        opened(path)
    except Exception as error:
        response = error.response
        return f"{response.status_code} {response.body.decode()}"
    return "it was opened"


@call
def refused(seen):
    return denied("/refused")


@call
def undeclared(seen):
    return denied("/page")


@call
def left(seen):
    with opened() as connection:
        seen.append(asked(connection, do="email"))
    return f"{connection.close_code}"


finish()
