// Anthropic's SDK: messages, at once and streamed.
"use strict";
const { Anthropic } = require("@anthropic-ai/sdk");
const { call, finish, key, url } = require("./report.cjs");

const client = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
const asked = (what) => ({
  model: "claude-tests",
  max_tokens: 64,
  messages: [{ role: "user", content: what }],
});
const message = (what, options) => client.messages.create(asked(what), options);
const deltas = async (what, seen) => {
  const stream = client.messages.stream(asked(what)).on("text", (text) => seen.push(text));
  const last = await stream.finalMessage();
  return `${seen.join("")}\n${last.content[0].text}`;
};

(async () => {
  await call("whole", async () => (await message("tell me")).content[0].text);
  await call("streamed", (seen) => deltas("tell me", seen));
  await call("tool", async () => JSON.stringify((await message("use the tool")).content[0].input));
  await call("tool_streamed", async () => {
    const last = await client.messages.stream(asked("use the tool")).finalMessage();
    return JSON.stringify(last.content[0].input);
  });
  await call("overshared", async () => (await message("overshare")).content[0].text);
  await call("overshared_streamed", (seen) => deltas("overshare", seen));
  await call("refused", async () => (await client.models.list()).data.length);
  await call("limited", async () => (await message("be limited")).id);
  await call("failed", async () => (await message("fail always")).id);
  await call("retried", async () => {
    return (await message("fail once", { maxRetries: 1 })).content[0].text;
  });
  await call("unknown", async () => {
    const stranger = new Anthropic({ baseURL: url, apiKey: "another", maxRetries: 0 });
    return (await stranger.messages.create(asked("tell me"))).id;
  });
  finish();
})();
