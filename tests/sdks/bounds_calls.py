"""Stripe's and Twilio's SDKs, within what policies allow and beyond."""

import os

import stripe
from report import KEY, URL, call, finish
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

payments = stripe.StripeClient(KEY, base_addresses={"api": URL}, max_network_retries=0)


class Here(TwilioHttpClient):
    def request(self, method, url, *rest, **more):
        url = url.replace("https://api.twilio.com", os.environ["TWILIO_URL"])
        return super().request(method, url, *rest, **more)


phone = Client(os.environ["SDK_ACCOUNT"], KEY, http_client=Here())


def refund(amount):
    return str(payments.v1.refunds.create({"charge": "ch_7", "amount": amount}).amount)


def send(to):
    return phone.messages.create(to=to, from_="+14155550100", body="hello").status


@call
def refund_small(seen):
    return refund(5000)


@call
def refund_large(seen):
    return refund(5001)


@call
def refund_whole(seen):
    return str(payments.v1.refunds.create({"charge": "ch_7"}).amount)


@call
def payout(seen):
    return payments.v1.payouts.create({"amount": 100, "currency": "eur"}).id


@call
def message_near(seen):
    return send("+4930123456")


@call
def message_far(seen):
    return send("+14155550101")


finish()
