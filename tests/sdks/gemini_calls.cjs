// Google's SDK: generateContent, at once and streamed.
"use strict";
const { GoogleGenAI } = require("@google/genai");
const { call, finish, key, url } = require("./report.cjs");

const made = (apiKey) => new GoogleGenAI({ apiKey, httpOptions: { baseUrl: url } });
const client = made(key);
const content = (what, by = client) =>
  by.models.generateContent({ model: "gemini-tests", contents: what });
const deltas = async (what, seen) => {
  const asked = { model: "gemini-tests", contents: what };
  for await (const part of await client.models.generateContentStream(asked)) {
    seen.push(part.text ?? "");
  }
  return seen.join("");
};

(async () => {
  await call("whole", async () => (await content("tell me")).text);
  await call("streamed", (seen) => deltas("tell me", seen));
  await call("tool", async () => JSON.stringify((await content("use the tool")).functionCalls[0].args));
  await call("overshared", async () => (await content("overshare")).text);
  await call("overshared_streamed", (seen) => deltas("overshare", seen));
  await call("refused", async () => (await client.models.list()).page.length);
  await call("limited", async () => (await content("be limited")).text);
  await call("failed", async () => (await content("fail always")).text);
  await call("unknown", async () => (await content("tell me", made("another"))).text);
  finish();
})();
