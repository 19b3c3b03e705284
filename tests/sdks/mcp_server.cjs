// An MCP server on the JavaScript SDK: streamable HTTP with sessions, on a port of the kernel's choice.
"use strict";
const { randomUUID } = require("node:crypto");
const { createServer } = require("node:http");
const { McpServer } = require("@modelcontextprotocol/sdk/server/mcp.js");
const { StreamableHTTPServerTransport: Http } = require("@modelcontextprotocol/sdk/server/streamableHttp.js");
const { z } = require("zod");

const EMAIL = "tamsel.wrenfold@example.org";
const TOLD = `Write to ${EMAIL}; the SSN is 536-22-8471. The order ships on Tuesday.`;

const served = () => {
  const server = new McpServer({ name: "tests", version: "1" });
  const shapes = {
    description: "Looks a customer up.",
    inputSchema: { customer: z.string() },
    outputSchema: { customer: z.string(), note: z.string() },
  };
  server.registerTool("lookup", shapes, async ({ customer }, { _meta, sendNotification }) => {
    const progressToken = _meta?.progressToken;
    if (progressToken !== undefined) {
      const params = { progressToken, progress: 1, total: 2, message: `asking ${EMAIL}` };
      await sendNotification({ method: "notifications/progress", params });
    }
    const told = { customer, note: TOLD };
    return { content: [{ type: "text", text: JSON.stringify(told) }], structuredContent: told };
  });
  server.registerTool("fail", { description: "Fails, and says too much about it." }, async () => {
    throw new Error(`no such customer: ${EMAIL}`);
  });
  server.registerResource("notes", "notes://customer", { description: "What is known." }, async (uri) => ({
    contents: [{ uri: uri.href, text: TOLD }],
  }));
  return server;
};

const sessions = new Map();

const answer = async (request, response) => {
  const named = request.headers["mcp-session-id"];
  let transport = named && sessions.get(named);
  if (!transport) {
    transport = new Http({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => sessions.set(id, transport),
    });
    await served().connect(transport);
  }
  await transport.handleRequest(request, response);
};

const server = createServer((request, response) => void answer(request, response));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
