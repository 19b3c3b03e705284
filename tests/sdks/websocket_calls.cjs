// A client of WebSocket: the library `ws`, told an address.
"use strict";
const WebSocket = require("ws");
const { call, finish, key, url } = require("./report.cjs");

const headers = key ? { authorization: `Bearer ${key}` } : {};
// What was sent, and then all that came until the end, which is told.
const talk = (path, sent, { wanted = Infinity, protocols = [], seen = [] } = {}) =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url}${path}`, protocols, { headers });
    socket.on("open", () => sent.forEach((message) => socket.send(message)));
    socket.on("message", (data, binary) => {
      seen.push(binary ? data.toString("hex") : data.toString());
      if (seen.length === wanted) socket.close(1000, "done");
    });
    socket.on("close", (code, reason) =>
      resolve({ seen, code, reason: reason.toString(), protocol: socket.protocol, extensions: socket.extensions }));
    socket.on("unexpected-response", (request, response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("end", () => reject(Object.assign(new Error(Buffer.concat(parts).toString()),
        { status: response.statusCode })));
    });
    socket.on("error", reject);
  });
const asks = (what) => JSON.stringify(what);
const end = ({ code, reason }) => `${code} ${reason}`;

(async () => {
  await call("agreed", async () => {
    const protocols = ["openai-insecure-api-key.secret-of-mine", "chat.v2"];
    const talked = await talk("/talk", ["hello"], { wanted: 1, protocols });
    return `${talked.protocol}|${talked.extensions}|${talked.code}`;
  });
  await call("echoed", async () => {
    const sent = ['{"a": [1, 2.50, "\\u00e9"],  "b":null}', "plain words, and more", "grün 🌊", "[1,2]"];
    const { seen } = await talk("/talk", sent, { wanted: sent.length });
    return asks(seen) === asks(sent) ? "the same" : asks(seen);
  });
  await call("redacted", async () => {
    const talked = await talk("/talk", [asks({ do: "email", id: "O-1" }), asks({ do: "text" })], { wanted: 2 });
    return talked.seen.join("");
  });
  await call("screened", async () => {
    const note = asks({ note: "call me: orla.quist@example.org", nested: asks({ mail: "orla.quist@example.org" }) });
    return (await talk("/talk", [note], { wanted: 1 })).seen.join("");
  });
  await call("overshared", async (seen) => end(await talk("/talk", [asks({ do: "card" })], { seen })));
  await call("bytes_sent", async (seen) => end(await talk("/talk", [Buffer.from([0, 1])], { seen })));
  await call("over", async () => end(await talk("/talk", [asks({ do: "close", code: 4001, reason: "ask tamsel.wrenfold@example.org" })])));
  await call("died", async () => end(await talk("/talk", [asks({ do: "die" })])));
  await call("refused", () => talk("/refused", []));
  await call("undeclared", () => talk("/page", []));
  finish();
})();
