// An API behind an authorization server: takes access tokens in JWT, as npm's `jose` verifies them by the keys
// that the server publishes now. Counts who asked. Tells its port on its first line.
"use strict";
const http = require("node:http");
const { createRemoteJWKSet, jwtVerify } = require("jose");

const issuer = process.env.OIDC_ISSUER;
let asked = 0;
const server = http.createServer(async (request, response) => {
  response.setHeader("content-type", "application/json");
  if (request.url === "/asked") {
    response.end(`${asked}`);
    return;
  }
  asked += 1;
  const token = (request.headers.authorization ?? "").replace(/^Bearer /, "");
  try {
    // The keys anew each time, so that those which were taken back are nothing.
    const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`));
    const { payload } = await jwtVerify(token, keys, { issuer, audience: "tidegate" });
    response.end(JSON.stringify({ client: payload.client_id, number: payload.jti, echo: `it was ${token}` }));
  } catch (error) {
    response.statusCode = 401;
    response.end(JSON.stringify({ error: error.code }));
  }
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`));
