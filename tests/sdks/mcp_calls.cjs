// The MCP SDK: tools, resources, progress and errors over streamable HTTP.
"use strict";
const { Client } = require("@modelcontextprotocol/sdk/client/index.js");
const {
  StreamableHTTPClientTransport: Http,
} = require("@modelcontextprotocol/sdk/client/streamableHttp.js");
const { call, finish, url } = require("./report.cjs");

const connected = async (path) => {
  const client = new Client({ name: "tests", version: "1" });
  await client.connect(new Http(new URL(`${url}/${path}`)));
  return client;
};

(async () => {
  const client = await connected("mcp");
  await call("lookup", async (seen) => {
    const onprogress = ({ progress, total, message }) => seen.push(`${progress}/${total} ${message} `);
    const asked = { name: "lookup", arguments: { customer: "C-771" } };
    const answer = await client.callTool(asked, undefined, { onprogress });
    return seen.join("") + answer.content[0].text + JSON.stringify(answer.structuredContent);
  });
  await call("fail", async () => {
    const answer = await client.callTool({ name: "fail", arguments: {} });
    return `${answer.isError} ${answer.content[0].text}`;
  });
  await call("read", async () => {
    return (await client.readResource({ uri: "notes://customer" })).contents[0].text;
  });
  await call("tools", async () => (await client.listTools()).tools.map((it) => it.name).join(" "));
  await call("refused", async () => (await (await connected("closed")).listTools()).tools.length);
  await client.close();
  finish();
})();
