"""Google's SDK: generate_content, at once and streamed."""

import json

from google import genai
from google.genai import types
from report import KEY, URL, call, finish


def made(key=KEY, **more):
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=URL, **more))


client = made()


def content(what, client=client):
    return client.models.generate_content(model="gemini-tests", contents=what)


def deltas(what, seen):
    for part in client.models.generate_content_stream(model="gemini-tests", contents=what):
        seen.append(part.text or "")
    return "".join(seen)


@call
def whole(seen):
    return content("tell me").text


@call
def streamed(seen):
    return deltas("tell me", seen)


@call
def tool(seen):
    return json.dumps(content("use the tool").function_calls[0].args)


@call
def overshared(seen):
    return content("overshare").text


@call
def overshared_streamed(seen):
    return deltas("overshare", seen)


@call
def refused(seen):
    return len(list(client.models.list()))


@call
def limited(seen):
    return content("be limited").text


@call
def failed(seen):
    return content("fail always").text


@call
def retried(seen):
    retry = types.HttpRetryOptions(attempts=2, initial_delay=0.01)
    return content("fail once", made(retry_options=retry)).text


@call
def unknown(seen):
    return content("tell me", made(key="another")).text


finish()
