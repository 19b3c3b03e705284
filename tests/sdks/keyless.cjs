// One SDK, named by the first argument, as an agent has it that knows of no gateway: keys, proxy and roots are those of
// its environment. Tells all that it was handed, header fields too, then waits to be looked at.
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

// The address that the library is told in place of its own, if it is told one and reads none itself.
const url = process.env.SDK_URL;
const told = { fields: [] };
const fields = (headers) => told.fields.push(Object.fromEntries(Object.entries(headers ?? {})));
const refused = async (call) => {
  try {
    await call();
  } catch (error) {
    fields(error.headers?.entries ? Object.fromEntries(error.headers) : error.headers);
    told.refused = error.status ?? error.statusCode ?? error.message;
  }
};
const user = [{ role: "user", content: "tell me" }];

const calls = {
  async openai() {
    const { OpenAI } = require("openai");
    const client = new OpenAI({ maxRetries: 0 });
    const asked = { model: "gpt-tests", messages: user };
    const { data, response } = await client.chat.completions.create(asked).withResponse();
    fields(Object.fromEntries(response.headers));
    told.called = data.choices[0].message.content;
    await refused(() => client.models.list());
  },
  async anthropic() {
    const { Anthropic } = require("@anthropic-ai/sdk");
    const client = new Anthropic({ maxRetries: 0 });
    const asked = { model: "claude-tests", max_tokens: 64, messages: user };
    const { data, response } = await client.messages.create(asked).withResponse();
    fields(Object.fromEntries(response.headers));
    told.called = data.content[0].text;
    await refused(() => client.models.list());
  },
  async stripe() {
    const { HttpsProxyAgent } = require("https-proxy-agent");
    const Stripe = require("stripe");
    const at = url && new URL(url);
    const here = at && { host: at.hostname, port: at.port, protocol: at.protocol.replace(":", "") };
    // It reads no variable for a proxy: this is how its own documentation has it.
    const proxy = process.env.HTTPS_PROXY;
    const agent = proxy && !at && { httpAgent: new HttpsProxyAgent(proxy) };
    const options = { maxNetworkRetries: 0, telemetry: false, ...here, ...agent };
    const client = new (Stripe.Stripe ?? Stripe)(process.env.STRIPE_API_KEY, options);
    const listed = await client.customers.list();
    fields(listed.lastResponse.headers);
    told.called = listed.data[0].description;
    await refused(() => client.charges.list());
  },
  async twilio() {
    const twilio = require("twilio");
    class Here extends twilio.RequestClient {
      async request(options) {
        const uri = url ? options.uri.replace("https://api.twilio.com", url) : options.uri;
        const answer = await super.request({ ...options, uri });
        fields(answer.headers);
        return answer;
      }
    }
    // By the variables that it reads itself: TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN.
    const client = twilio(undefined, undefined, { httpClient: new Here() });
    const asked = { to: "+14155550101", from: "+14155550100", body: "hello" };
    told.called = (await client.messages.create(asked)).body;
    await refused(() => client.calls.list());
  },
  async mcp() {
    const { Client } = require("@modelcontextprotocol/sdk/client/index.js");
    const {
      StreamableHTTPClientTransport: Http,
    } = require("@modelcontextprotocol/sdk/client/streamableHttp.js");
    const client = new Client({ name: "tests", version: "1" });
    const headers = { authorization: `Bearer ${process.env.TIDEGATE_TOKEN}` };
    const seen = async (...asked) => {
      const answer = await fetch(...asked);
      fields(Object.fromEntries(answer.headers));
      return answer;
    };
    const at = new URL(url ?? "https://mcp.example/mcp");
    await client.connect(new Http(at, { requestInit: { headers }, fetch: seen }));
    const asked = { name: "lookup", arguments: { customer: "C-771" } };
    told.called = (await client.callTool(asked)).content[0].text;
    await refused(() => client.callTool({ name: "fail", arguments: {} }));
    if (/not_permitted|closed/.test(told.refused)) told.refused = 403;
  },
};

(async () => {
  await calls[process.argv[2]]();
  told.key = process.env.TIDEGATE_TOKEN;
  process.stdout.write(`${JSON.stringify(told)}\n`);
  process.stdin.resume();
  process.stdin.on("end", () => process.exit(0));
})();
