// An agent whose tokens come from an OpenID provider, by the real `openid-client`: bound to a key or to
// a certificate. And what a thief does with them.
"use strict";
const fs = require("node:fs");
const https = require("node:https");
const client = require("openid-client");
const { call, finish, key: secret, url } = require("./report.cjs");

const issuer = new URL(process.env.OIDC_ISSUER);
const certificate = fs.readFileSync(process.env.MTLS_CERTIFICATE, "utf8");
const privateKey = fs.readFileSync(process.env.MTLS_KEY, "utf8");
const ca = fs.readFileSync(process.env.MTLS_CA, "utf8");
const resource = "urn:tidegate:gateway";

const discover = (id) =>
  client.discovery(issuer, id, undefined, client.ClientSecretBasic(secret), {
    execute: [client.allowInsecureRequests],
  });
const told = async (response) => {
  const text = await response.text();
  if (response.ok) return text;
  const error = new Error(`${text} ${response.headers.get("www-authenticate") ?? ""}`);
  throw Object.assign(error, { status: response.status });
};
// What is behind the gateway, by a token, and by a key if there is one.
const read = async (config, token, DPoP, method = "GET") => {
  try {
    return await told(
      await client.fetchProtectedResource(config, token, new URL(url), method, undefined, undefined, { DPoP }),
    );
  } catch (error) {
    // A challenge is thrown as it is.
    throw error.response ? await told(error.response).catch((real) => real) : error;
  }
};
const bound = async (config) => {
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
  const { access_token } = await client.clientCredentialsGrant(config, { resource }, { DPoP });
  return { access_token, DPoP };
};
// By TLS with a certificate of the client's, or without.
const within = (token, options) =>
  new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    https
      .get(process.env.MTLS_URL, { ca, headers, agent: false, ...options }, (response) => {
        let text = "";
        response.on("data", (piece) => (text += piece));
        response.on("end", () =>
          response.statusCode === 200
            ? resolve(text)
            : reject(Object.assign(new Error(text), { status: response.statusCode })));
      })
      .on("error", reject);
  });

(async () => {
  const config = await discover("support-app");
  const { access_token: token, DPoP } = await bound(config);
  await call("bound", () => read(config, token, DPoP));
  await call("again", () => read(config, token, DPoP));

  // The token was taken, and the key was not.
  await call("bearer", async () => told(await fetch(url, { headers: { authorization: `Bearer ${token}` } })));
  await call("bare", async () => told(await fetch(url, { headers: { authorization: `DPoP ${token}` } })));
  const other = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
  await call("other", () => read(config, token, other));
  // A proof was taken too, and is shown again.
  let shown;
  config[client.customFetch] = (address, options) => {
    shown = new Headers(options.headers);
    return fetch(address, options);
  };
  await call("first", () => read(config, token, DPoP));
  await call("replayed", async () => told(await fetch(url, { headers: shown })));
  await call("elsewhere", async () =>
    told(await fetch(url.replace("C-771", "C-332"), { headers: shown })));
  delete config[client.customFetch];

  // Bound to nothing.
  const { access_token: free } = await client.clientCredentialsGrant(config, { resource });
  await call("free", async () => told(await fetch(url, { headers: { authorization: `Bearer ${free}` } })));
  const stranger = await discover("stranger-app");
  const theirs = await bound(stranger);
  await call("stranger", () => read(stranger, theirs.access_token, theirs.DPoP));

  // Bound to a certificate.
  const mtls = await discover("mtls-app");
  mtls[client.customFetch] = (address, options) => {
    const headers = new Headers(options.headers);
    headers.set("x-client-certificate", encodeURIComponent(certificate));
    return fetch(address, { ...options, headers });
  };
  const { access_token: held } = await client.clientCredentialsGrant(mtls, { resource });
  await call("certificate", () => within(held, { cert: certificate, key: privateKey }));
  await call("no_certificate", () => within(held, {}));
  await call("in_the_clear", async () =>
    told(await fetch(url, { headers: { authorization: `Bearer ${held}` } })));

  // The provider has new keys.
  await fetch(new URL("/rotate", issuer), { method: "POST" });
  const fresh = await bound(await discover("support-app"));
  for (let tries = 0; tries < 60; tries += 1) {
    await call("rotated", () => read(config, fresh.access_token, fresh.DPoP));
    await new Promise((resolve) => setTimeout(resolve, 500));
    const answered = await fetch(url, { headers: { authorization: `DPoP ${fresh.access_token}` } });
    if ((await answered.json()).reason !== "token_invalid") break;
  }
  await call("rotated", () => read(config, fresh.access_token, fresh.DPoP));
  await call("old", () => read(config, token, DPoP));
  finish();
})();
