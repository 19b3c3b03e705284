// OpenAI's SDK: chat completions and responses, at once and streamed.
"use strict";
const { OpenAI } = require("openai");
const { call, finish, key, url } = require("./report.cjs");

const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const chat = (what, more, options) =>
  client.chat.completions.create(
    { model: "gpt-tests", messages: [{ role: "user", content: what }], ...more },
    options,
  );
const deltas = async (what, seen) => {
  for await (const chunk of await chat(what, { stream: true })) {
    seen.push(chunk.choices[0].delta.content ?? "");
  }
  return seen.join("");
};
const responses = async (what, seen) => {
  const asked = { model: "gpt-tests", input: what, stream: true };
  for await (const event of await client.responses.create(asked)) {
    if (event.type === "response.output_text.delta") seen.push(event.delta);
  }
  return seen.join("");
};

(async () => {
  await call("whole", async () => (await chat("tell me")).choices[0].message.content);
  await call("streamed", (seen) => deltas("tell me", seen));
  await call("tool", async () => {
    const called = (await chat("use the tool")).choices[0].message.tool_calls[0].function;
    return `${called.name}: ${called.arguments}`;
  });
  await call("tool_streamed", async (seen) => {
    for await (const chunk of await chat("use the tool", { stream: true })) {
      for (const called of chunk.choices[0].delta.tool_calls ?? []) {
        seen.push(called.function.arguments ?? "");
      }
    }
    return seen.join("");
  });
  await call("response", async () => {
    return (await client.responses.create({ model: "gpt-tests", input: "tell me" })).output_text;
  });
  await call("response_streamed", (seen) => responses("tell me", seen));
  await call("overshared", async () => (await chat("overshare")).choices[0].message.content);
  await call("overshared_streamed", (seen) => deltas("overshare", seen));
  await call("overshared_response", (seen) => responses("overshare", seen));
  await call("refused", async () => (await client.models.list()).data.length);
  await call("limited", async () => (await chat("be limited")).id);
  await call("failed", async () => (await chat("fail always")).id);
  await call("retried", async () => {
    const answer = await chat("fail once", {}, { maxRetries: 1 });
    return answer.choices[0].message.content;
  });
  await call("unknown", async () => {
    const stranger = client.withOptions({ apiKey: "another" });
    return (await stranger.responses.create({ model: "gpt-tests", input: "tell me" })).id;
  });
  finish();
})();
