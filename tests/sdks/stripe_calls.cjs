// Stripe's SDK: forms out, typed objects in, pages followed.
"use strict";
const Stripe = require("stripe");
const { call, finish, key, url } = require("./report.cjs");

const { hostname: host, port, protocol } = new URL(url);
const made = (apiKey) =>
  new (Stripe.Stripe ?? Stripe)(apiKey, {
    host, port, protocol: protocol.replace(":", ""), maxNetworkRetries: 0, telemetry: false,
  });
const client = made(key);
const create = (description, by = client) =>
  by.customers.create({
    email: "tamsel.wrenfold@example.org", description, metadata: { tier: "gold" },
  });
const told = (it) =>
  `${it.id} ${it.created} ${it.metadata.tier} ${it.livemode} ${it.email} ${it.description}`;

(async () => {
  await call("whole", async () => told(await create("first")));
  await call("pages", async (seen) => {
    for await (const customer of client.customers.list()) seen.push(told(customer));
    return seen.join(" ");
  });
  await call("declined", async () => (await create("decline")).id);
  await call("broken", async () => (await create("broken")).id);
  await call("limited", async () => (await create("limited")).id);
  await call("refused", async () => (await client.charges.list()).data.length);
  await call("unknown", async () => (await create("first", made("another"))).id);
  finish();
})();
