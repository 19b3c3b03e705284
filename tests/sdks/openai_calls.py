"""OpenAI's SDK: chat completions and responses, at once and streamed."""

import openai
from report import KEY, URL, call, finish

client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0)


def chat(what, client=client, **more):
    asked = [{"role": "user", "content": what}]
    return client.chat.completions.create(model="gpt-tests", messages=asked, **more)


def deltas(what, seen):
    for chunk in chat(what, stream=True):
        seen.append(chunk.choices[0].delta.content or "")
    return "".join(seen)


@call
def whole(seen):
    return chat("tell me").choices[0].message.content


@call
def streamed(seen):
    return deltas("tell me", seen)


@call
def tool(seen):
    called = chat("use the tool").choices[0].message.tool_calls[0].function
    return f"{called.name}: {called.arguments}"


@call
def tool_streamed(seen):
    for chunk in chat("use the tool", stream=True):
        for called in chunk.choices[0].delta.tool_calls or []:
            seen.append(called.function.arguments or "")
    return "".join(seen)


@call
def response(seen):
    return client.responses.create(model="gpt-tests", input="tell me").output_text


@call
def response_streamed(seen):
    with client.responses.stream(model="gpt-tests", input="tell me") as events:
        for event in events:
            if event.type == "response.output_text.delta":
                seen.append(event.delta)
        return "".join(seen) + "\n" + events.get_final_response().output_text


@call
def overshared(seen):
    return chat("overshare").choices[0].message.content


@call
def overshared_streamed(seen):
    return deltas("overshare", seen)


@call
def overshared_response(seen):
    for event in client.responses.create(model="gpt-tests", input="overshare", stream=True):
        if event.type == "response.output_text.delta":
            seen.append(event.delta)
    return "".join(seen)


@call
def refused(seen):
    return len(client.models.list().data)


@call
def limited(seen):
    return chat("be limited").id


@call
def failed(seen):
    return chat("fail always").id


@call
def retried(seen):
    return chat("fail once", client.with_options(max_retries=1)).choices[0].message.content


@call
def unknown(seen):
    return chat("tell me", client.with_options(api_key="another")).id


finish()
