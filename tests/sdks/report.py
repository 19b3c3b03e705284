"""Calls through an SDK, and what it made of them: what it handed out, or the error that it raised."""

import json
import os
import sys

URL = os.environ["SDK_URL"]
KEY = os.environ["SDK_KEY"]
calls = {}


def call(function):
    """Runs `function` at once; `seen` is what it was handed before an error."""
    seen = []
    try:
        calls[function.__name__] = {"value": function(seen)}
    except Exception as error:  # The point is which one it is.
        calls[function.__name__] = failed(error, seen)
    return function


def failed(error, seen):
    told = {"error": type(error).__name__, "of": type(error).__module__.split(".")[0]}
    for name in ("status_code", "http_status", "status", "code"):
        value = getattr(error, name, None)
        told[name] = value if isinstance(value, (int, str)) else None
    return told | {"message": str(error), "seen": "".join(seen)}


def finish():
    json.dump(calls, sys.stdout)
