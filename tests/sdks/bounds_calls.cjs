// Stripe's and Twilio's SDKs, within what policies allow and beyond.
"use strict";
const Stripe = require("stripe");
const twilio = require("twilio");
const { call, finish, key, url } = require("./report.cjs");

const { hostname: host, port, protocol } = new URL(url);
const payments = new (Stripe.Stripe ?? Stripe)(key, {
  host, port, protocol: protocol.replace(":", ""), maxNetworkRetries: 0, telemetry: false,
});

class Here extends twilio.RequestClient {
  request(options) {
    const uri = options.uri.replace("https://api.twilio.com", process.env.TWILIO_URL);
    return super.request({ ...options, uri });
  }
}
const phone = twilio(process.env.SDK_ACCOUNT, key, { httpClient: new Here() });

const refund = async (asked) => String((await payments.refunds.create({ charge: "ch_7", ...asked })).amount);
const send = async (to) =>
  (await phone.messages.create({ to, from: "+14155550100", body: "hello" })).status;

(async () => {
  await call("refund_small", () => refund({ amount: 5000 }));
  await call("refund_large", () => refund({ amount: 5001 }));
  await call("refund_whole", () => refund({}));
  await call("payout", async () => (await payments.payouts.create({ amount: 100, currency: "eur" })).id);
  await call("message_near", () => send("+4930123456"));
  await call("message_far", () => send("+14155550101"));
  finish();
})();
