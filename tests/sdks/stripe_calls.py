"""Stripe's SDK: forms out, typed objects in, pages followed."""

import stripe
from report import KEY, URL, call, finish

made = {"base_addresses": {"api": URL}, "max_network_retries": 0}
client = stripe.StripeClient(KEY, **made)


def create(description, client=client):
    params = {"email": "tamsel.wrenfold@example.org", "description": description, "metadata": {"tier": "gold"}}
    return client.v1.customers.create(params)


def told(customer):
    kept = f"{customer.id} {customer.created} {customer.metadata['tier']} {customer.livemode}"
    return f"{type(customer).__name__} {kept} {customer.email} {customer.description}"


@call
def whole(seen):
    return told(create("first"))


@call
def pages(seen):
    return " ".join(told(one) for one in client.v1.customers.list().auto_paging_iter())


@call
def declined(seen):
    return create("decline").id


@call
def broken(seen):
    return create("broken").id


@call
def limited(seen):
    return create("limited").id


@call
def refused(seen):
    return len(client.v1.charges.list().data)


@call
def unknown(seen):
    return create("first", stripe.StripeClient("another", **made)).id


finish()
