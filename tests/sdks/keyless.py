"""One SDK, named by the first argument, as an agent has it that knows of no gateway: keys, proxy and roots are those
of its environment. Tells all that it was handed, header fields too, then waits to be looked at."""

import asyncio
import json
import os
import socket
import sys

if os.environ.get("RESOLVED"):
    # What a resolver would tell: an address that nobody has, which the kernel leads elsewhere.
    def resolved(host, port, *rest, **more):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", port))]

    socket.getaddrinfo = resolved

# The address that the library is told in place of its own, if it is told one and reads none itself.
URL = os.environ.get("SDK_URL")
told = {"fields": []}


def fields(headers):
    told["fields"].append(dict(headers or {}))


def called_openai():
    import openai

    client = openai.OpenAI(max_retries=0)
    asked = [{"role": "user", "content": "tell me"}]
    raw = client.chat.completions.with_raw_response.create(model="gpt-tests", messages=asked)
    fields(raw.headers)
    told["called"] = raw.parse().choices[0].message.content
    try:
        client.models.list()
    except openai.APIStatusError as error:
        fields(error.response.headers)
        told["refused"] = error.status_code


def called_anthropic():
    import anthropic

    client = anthropic.Anthropic(max_retries=0)
    asked = [{"role": "user", "content": "tell me"}]
    raw = client.messages.with_raw_response.create(model="claude-tests", max_tokens=64, messages=asked)
    fields(raw.headers)
    told["called"] = raw.parse().content[0].text
    try:
        client.models.list()
    except anthropic.APIStatusError as error:
        fields(error.response.headers)
        told["refused"] = error.status_code


def called_stripe():
    import stripe

    # It brings its own roots, and reads no variable for others.
    stripe.ca_bundle_path = os.environ.get("SSL_CERT_FILE", stripe.ca_bundle_path)
    more = {"base_addresses": {"api": URL}} if URL else {}
    client = stripe.StripeClient(os.environ["STRIPE_API_KEY"], max_network_retries=0, **more)
    listed = client.v1.customers.list()
    fields(listed.last_response.headers)
    told["called"] = listed.data[0].description
    try:
        client.v1.charges.list()
    except stripe.StripeError as error:
        fields(error.headers)
        told["refused"] = error.http_status


def called_twilio():
    from twilio.base.exceptions import TwilioException
    from twilio.http.http_client import TwilioHttpClient
    from twilio.rest import Client

    class Here(TwilioHttpClient):
        def request(self, method, url, *rest, **more):
            url = url.replace("https://api.twilio.com", URL) if URL else url
            answer = super().request(method, url, *rest, **more)
            fields(answer.headers)
            return answer

    # By the variables that it reads itself: TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN.
    client = Client(http_client=Here())
    told["called"] = client.messages.create(to="+14155550101", from_="+14155550100", body="hello").body
    try:
        client.calls.list()
    except TwilioException as error:
        told["refused"] = 403 if "403" in str(error) else str(error)


async def calls_of_mcp():
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    async def seen(response):
        fields(response.headers)

    key = {"authorization": f"Bearer {os.environ['TIDEGATE_TOKEN']}"}
    hooks = {"response": [seen]}
    async with httpx2.AsyncClient(headers=key, event_hooks=hooks) as http:
        transport = streamable_http_client(URL or "https://mcp.example/mcp", http_client=http)
        async with Client(transport) as client:
            told["called"] = (await client.call_tool("lookup", {"customer": "C-771"})).content[0].text
            try:
                await client.call_tool("fail", {})
            except Exception as error:  # Its class depends on how the server is spoken to.
                told["refused"] = 403 if "not_permitted" in str(error) or "closed" in str(error) else str(error)


CALLS = {
    "openai": called_openai,
    "anthropic": called_anthropic,
    "stripe": called_stripe,
    "twilio": called_twilio,
    "mcp": lambda: asyncio.run(calls_of_mcp()),
}
CALLS[sys.argv[1]]()
told["key"] = os.environ["TIDEGATE_TOKEN"]
print(json.dumps(told), flush=True)
sys.stdin.read()
