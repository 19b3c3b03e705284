"""gRPC's own library: calls with one message and with many, a dialogue, and errors."""

import queue

import grpc
from grpc_messages import SERVICE, Customer
from report import URL, call, finish

channel = grpc.insecure_channel(URL.removeprefix("http://"), options=[("grpc.enable_http_proxy", 0)])
codec = {"request_serializer": Customer.SerializeToString, "response_deserializer": Customer.FromString}
ASKED = Customer(email="ben.orlow@example.org", orders=3)


def told(answer):
    return f"{answer.email}:{answer.orders}"


@call
def get(seen):
    return told(channel.unary_unary(f"/{SERVICE}/Get", **codec)(ASKED, timeout=20))


@call
def listed(seen):
    answers = channel.unary_stream(f"/{SERVICE}/List", **codec)(ASKED, timeout=20)
    return " ".join(told(answer) for answer in answers)


@call
def chat(seen):
    said = queue.SimpleQueue()
    answers = channel.stream_stream(f"/{SERVICE}/Chat", **codec)(iter(said.get, None), timeout=20)
    orders = 0
    # Each message waits for the answer to the one before.
    for turn in range(5):
        said.put(Customer(email=ASKED.email, orders=orders))
        answer = next(answers)
        seen.append(told(answer) + " ")
        orders = answer.orders
    said.put(None)
    return "".join(seen) + str(list(answers))


@call
def fail(seen):
    return told(channel.unary_unary(f"/{SERVICE}/Fail", **codec)(ASKED, timeout=20))


@call
def closed(seen):
    return told(channel.unary_unary(f"/{SERVICE}/Closed", **codec)(ASKED, timeout=20))


@call
def blocked(seen):
    # A card number in the middle of a dialogue.
    card = " ".join(["4111", "1111", "1111", "1111"])
    messages = [Customer(email="a", orders=1), Customer(email=f"card {card}", orders=2)]
    answers = channel.stream_stream(f"/{SERVICE}/Chat", **codec)(iter(messages), timeout=20)
    for answer in answers:
        seen.append(told(answer) + " ")
    return "all"


finish()
