// OpenAI's SDK in a realtime session, as an agent has it that knows of no gateway: key and roots are those of its
// environment.
"use strict";
const dns = require("node:dns");

if (process.env.RESOLVED) {
  // What a resolver would tell: an address that nobody has, which the kernel leads elsewhere.
  const found = { address: "192.0.2.7", family: 4 };
  dns.lookup = (_, options, callback) => {
    const done = callback ?? options;
    process.nextTick(() =>
      options?.all ? done(null, [found]) : done(null, found.address, found.family));
  };
}

const OpenAI = require("openai");
const { OpenAIRealtimeWS } = require("openai/realtime/ws");

const client = new OpenAI({ maxRetries: 0 });
const realtime = new OpenAIRealtimeWS({ model: "gpt-tests" }, client);
const told = { key: client.apiKey };
realtime.on("error", (error) => {
  throw error;
});
realtime.socket.on("open", () =>
  realtime.send({ type: "session.update", session: { type: "realtime", instructions: "write to orla.quist@example.org" } }));
realtime.on("session.updated", (event) => {
  told.session = event.type;
  realtime.send({ type: "response.create" });
});
realtime.on("response.output_text.delta", (event) => {
  told.said = `${event.type}: ${event.delta}`;
  realtime.close();
});
realtime.socket.on("close", () => process.stdout.write(`${JSON.stringify(told)}\n`));
