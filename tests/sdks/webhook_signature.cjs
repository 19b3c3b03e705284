// What a third party signs a message with: the library of Stripe does it as Stripe does. SCHEME, SECRET, PAYLOAD, and
// TIMESTAMP in seconds; tells the value of the field.

const { createHmac } = require("node:crypto");
const Stripe = require("stripe");

const { SCHEME, SECRET, PAYLOAD, TIMESTAMP } = process.env;
if (SCHEME === "stripe") {
  const message = { payload: PAYLOAD, secret: SECRET, timestamp: Number(TIMESTAMP) };
  console.log(new Stripe("none").webhooks.generateTestHeaderString(message));
} else {
  console.log(`sha256=${createHmac("sha256", SECRET).update(PAYLOAD).digest("hex")}`);
}
