"""An agent that third parties call: it believes what the libraries of Stripe and OpenAI verify with secrets of its
own, STRIPE_SECRET and OPENAI_SECRET. Tells its port on its first line. GET /came tells what it heard."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
import stripe

came = []
client = openai.OpenAI(api_key="none", webhook_secret=os.environ["OPENAI_SECRET"])


def believed(path, headers, body):
    try:
        if path.startswith("/stripe"):
            event = stripe.Webhook.construct_event(body, headers["stripe-signature"], os.environ["STRIPE_SECRET"])
            return event["type"]
        client.webhooks.verify_signature(body, dict(headers))
        return json.loads(body)["action"]
    except (stripe.SignatureVerificationError, openai.InvalidWebhookSignatureError, KeyError) as error:
        return f"refused: {error!r}"


class Agent(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        heard = {"as": believed(self.path, self.headers, body), "body": body, "fields": dict(self.headers)}
        came.append(heard)
        self.answer({"heard": heard["as"], "contact": "owner@acme.example"})

    def do_GET(self):
        self.answer(came)

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Agent)
print(server.server_port, flush=True)
server.serve_forever()
