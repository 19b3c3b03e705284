// A real OpenID provider (npm's `oidc-provider`) that people log in at, by its own pages: anybody with any password,
// and with the groups that their name has here. Tells its port on its first line.
"use strict";
const crypto = require("node:crypto");
const http = require("node:http");
const { Provider } = require("oidc-provider");

const GROUPS = { eva: ["tidegate-auditors", "everybody"], ute: ["tidegate-operators", "tidegate-auditors"] };
const { OIDC_SECRET, CONSOLE_URL } = process.env;

// What the provider has to say would go where nobody reads after the first line, which ends a process.
console.info = () => {};

const server = http.createServer();
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address();
  const { privateKey } = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key = { ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: crypto.randomUUID() };
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    jwks: { keys: [key] },
    cookies: { keys: [crypto.randomUUID()] },
    clients: [
      {
        client_id: "console",
        client_secret: OIDC_SECRET,
        redirect_uris: [`${CONSOLE_URL}/login/openid/callback`],
        post_logout_redirect_uris: [`${CONSOLE_URL}/login`],
        response_types: ["code"],
        grant_types: ["authorization_code"],
      },
    ],
    // As the specification has it, these are told where they are asked for, and not in the ID token.
    claims: { groups: ["groups"], profile: ["preferred_username"] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, preferred_username: id, groups: GROUPS[id] ?? [] }),
    }),
  });
  server.on("request", provider.callback());
  process.stdout.write(`${port}\n`);
});
