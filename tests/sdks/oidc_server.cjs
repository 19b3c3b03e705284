// A real OpenID provider (npm's `oidc-provider`): client credentials, tokens bound by DPoP or to a
// certificate, and new keys when it is told so. Tells its port on its first line.
"use strict";
const crypto = require("node:crypto");
const http = require("node:http");
const { Provider } = require("oidc-provider");

const server = http.createServer();
let provider;
// How many tokens were asked for.
let asked = 0;

// A provider like the last, with keys of its own.
function begin(issuer) {
  const { privateKey } = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = { ...privateKey.export({ format: "jwk" }), use: "sig", alg: "ES256", kid: crypto.randomUUID() };
  const client = (client_id, more) => ({
    client_id, client_secret: process.env.OIDC_SECRET, redirect_uris: [], response_types: [],
    grant_types: ["client_credentials"], ...more,
  });
  provider = new Provider(issuer, {
    jwks: { keys: [key] },
    clientDefaults: { id_token_signed_response_alg: "ES256" },
    clients: [
      client("support-app", {}),
      client("stranger-app", {}),
      client("mtls-app", { tls_client_certificate_bound_access_tokens: true }),
    ],
    extraTokenClaims: () => ({ task_id: "T-4891", purp: "support", tctx: { customer: "C-771" } }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      dPoP: { enabled: true },
      // As behind a server that ends TLS and tells which certificate it saw.
      mTLS: {
        enabled: true, certificateBoundAccessTokens: true,
        getCertificate: (ctx) => {
          const shown = ctx.get("x-client-certificate");
          return shown && new crypto.X509Certificate(decodeURIComponent(shown));
        },
      },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope: "", audience: "tidegate", accessTokenFormat: "jwt", accessTokenTTL: Number(process.env.OIDC_LIFETIME ?? 300),
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  });
}

server.on("request", (request, response) => {
  if (request.method === "POST" && request.url === "/rotate") {
    begin(provider.issuer);
    response.end();
  } else if (request.url === "/asked") {
    response.end(`${asked}`);
  } else {
    asked += request.url === "/token" ? 1 : 0;
    provider.callback()(request, response);
  }
});
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address();
  begin(`http://127.0.0.1:${port}`);
  process.stdout.write(`${port}\n`);
});
