"""Anthropic's SDK: messages, at once and streamed."""

import json

import anthropic
from report import KEY, URL, call, finish

client = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0)


def asked(what):
    messages = [{"role": "user", "content": what}]
    return {"model": "claude-tests", "max_tokens": 64, "messages": messages}


def message(what, client=client):
    return client.messages.create(**asked(what))


def deltas(what, seen):
    with client.messages.stream(**asked(what)) as stream:
        for text in stream.text_stream:
            seen.append(text)
        return "".join(seen) + "\n" + stream.get_final_message().content[0].text


@call
def whole(seen):
    return message("tell me").content[0].text


@call
def streamed(seen):
    return deltas("tell me", seen)


@call
def tool(seen):
    return json.dumps(message("use the tool").content[0].input)


@call
def tool_streamed(seen):
    with client.messages.stream(**asked("use the tool")) as stream:
        return json.dumps(stream.get_final_message().content[0].input)


@call
def overshared(seen):
    return message("overshare").content[0].text


@call
def overshared_streamed(seen):
    return deltas("overshare", seen)


@call
def refused(seen):
    return len(client.models.list().data)


@call
def limited(seen):
    return message("be limited").id


@call
def failed(seen):
    return message("fail always").id


@call
def retried(seen):
    return message("fail once", client.with_options(max_retries=1)).content[0].text


@call
def unknown(seen):
    return message("tell me", client.with_options(api_key="another")).id


finish()
