// What a third party signs a message with: the library of Stripe does it as Stripe does. SCHEME, SECRET, PAYLOAD,
// TIMESTAMP in seconds, and of a Standard Webhook its ID; tells the value of the field.

const { createHmac } = require("node:crypto");
const Stripe = require("stripe");

const { SCHEME, SECRET, PAYLOAD, TIMESTAMP, ID } = process.env;
if (SCHEME === "stripe") {
  const message = { payload: PAYLOAD, secret: SECRET, timestamp: Number(TIMESTAMP) };
  console.log(new Stripe("none").webhooks.generateTestHeaderString(message));
} else if (SCHEME === "standard") {
  const key = Buffer.from(SECRET.replace("whsec_", ""), "base64");
  console.log(`v1,${createHmac("sha256", key).update(`${ID}.${TIMESTAMP}.${PAYLOAD}`).digest("base64")}`);
} else {
  console.log(`sha256=${createHmac("sha256", SECRET).update(PAYLOAD).digest("hex")}`);
}
