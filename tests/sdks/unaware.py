"""OpenAI's and Stripe's SDKs as an agent has them that knows of no gateway: keys, proxy and roots are
those of the environment. Tells what it got, then waits to be looked at."""

import json
import os
import socket
import sys

if os.environ.get("RESOLVED"):
    # What a resolver would tell: an address that nobody has, which the kernel leads elsewhere.
    def resolved(host, port, *rest, **more):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", port))]

    socket.getaddrinfo = resolved

import openai

told = {}
client = openai.OpenAI(max_retries=0)
asked = [{"role": "user", "content": "tell me"}]
told["openai"] = client.chat.completions.create(model="gpt-tests", messages=asked).choices[0].message.content
try:
    client.models.list()
except openai.APIStatusError as error:
    told["refused"] = error.status_code
if os.environ.get("STRIPE_API_KEY"):
    import stripe

    # It brings its own roots, and reads no variable for others.
    stripe.ca_bundle_path = os.environ["SSL_CERT_FILE"]
    client = stripe.StripeClient(os.environ["STRIPE_API_KEY"], max_network_retries=0)
    told["stripe"] = client.v1.customers.list().data[0].id
told["key"] = os.environ["OPENAI_API_KEY"]
print(json.dumps(told), flush=True)
sys.stdin.read()
