"""Twilio's SDK. It knows its host by heart, so its HTTP client is told where that is now."""

import os

from report import KEY, URL, call, finish
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client


class Here(TwilioHttpClient):
    def request(self, method, url, *rest, **more):
        return super().request(method, url.replace("https://api.twilio.com", URL), *rest, **more)


ACCOUNT = os.environ["SDK_ACCOUNT"]
client = Client(ACCOUNT, KEY, http_client=Here())


def send(body, to="+14155550101", client=client):
    return client.messages.create(to=to, from_="+14155550100", body=body)


def told(message):
    return f"{message.status} {message.date_created.year} {message.body}"


@call
def whole(seen):
    return told(send("hello"))


@call
def pages(seen):
    return " ".join(told(one) for one in client.messages.list())


@call
def broken(seen):
    return send("hello", to="nobody").sid


@call
def failed(seen):
    return send("fail").sid


@call
def refused(seen):
    return len(client.calls.list())


@call
def unknown(seen):
    return send("hello", client=Client(ACCOUNT, "another", http_client=Here())).sid


finish()
