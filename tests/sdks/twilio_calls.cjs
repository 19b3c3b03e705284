// Twilio's SDK. It knows its host by heart, so its HTTP client is told where that is now.
"use strict";
const twilio = require("twilio");
const { call, finish, key, url } = require("./report.cjs");

class Here extends twilio.RequestClient {
  request(options) {
    return super.request({ ...options, uri: options.uri.replace("https://api.twilio.com", url) });
  }
}

const account = process.env.SDK_ACCOUNT;
const made = (token) => twilio(account, token, { httpClient: new Here() });
const client = made(key);
const send = (body, to = "+14155550101", by = client) =>
  by.messages.create({ to, from: "+14155550100", body });
const told = (it) => `${it.status} ${it.dateCreated.getUTCFullYear()} ${it.body}`;

(async () => {
  await call("whole", async () => told(await send("hello")));
  await call("pages", async () => (await client.messages.list()).map(told).join(" "));
  await call("broken", async () => (await send("hello", "nobody")).sid);
  await call("failed", async () => (await send("fail")).sid);
  await call("refused", async () => (await client.calls.list()).length);
  await call("unknown", async () => (await send("hello", "+14155550101", made("another"))).sid);
  finish();
})();
