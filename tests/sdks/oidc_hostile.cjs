// A provider of logins that is wrong in one way at a time, which `POST /mode/NAME` chooses. Nobody is asked who they are.
// Tells its port on its first line.
"use strict";
const crypto = require("node:crypto");
const http = require("node:http");

const { OIDC_SECRET } = process.env;
const CLIENT = "console";
const HUGE = 10 * 1024 * 1024;
const pair = () => crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });

let key = pair();
let kid = "first";
let mode = "good";
let issuer;
const stranger = pair();
const codes = new Map();

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

// A token by these claims, signed as ES256 unless it is said otherwise.
function signed(claims, { alg = "ES256", by = key.privateKey, id = kid } = {}) {
  const input = `${encoded({ alg, kid: id, typ: "JWT" })}.${encoded(claims)}`;
  let signature = Buffer.alloc(0);
  if (alg === "HS256") signature = crypto.createHmac("sha256", by).update(input).digest();
  if (alg === "ES256") signature = crypto.sign("sha256", Buffer.from(input), { key: by, dsaEncoding: "ieee-p1363" });
  return `${input}.${signature.toString("base64url")}`;
}

function token(nonce) {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: issuer, sub: "u-1", aud: CLIENT, iat: now, exp: now + 300, nonce,
    preferred_username: "eva", groups: ["tidegate-auditors"],
  };
  const pem = key.publicKey.export({ type: "spki", format: "pem" });
  switch (mode) {
    case "none": return signed(claims, { alg: "none" });
    case "secret": return signed(claims, { alg: "HS256", by: OIDC_SECRET });
    case "public_key": return signed(claims, { alg: "HS256", by: pem });
    case "stranger": return signed(claims, { by: stranger.privateKey });
    case "unknown_key": return signed(claims, { by: stranger.privateKey, id: "nobody" });
    case "tampered": {
      const [head, , signature] = signed(claims).split(".");
      return `${head}.${encoded({ ...claims, groups: ["tidegate-operators"] })}.${signature}`;
    }
    case "audience": return signed({ ...claims, aud: "another" });
    case "audiences": return signed({ ...claims, aud: [CLIENT, "another"] });
    case "party": return signed({ ...claims, azp: "another" });
    case "issuer": return signed({ ...claims, iss: "https://login.example" });
    case "nonce": return signed({ ...claims, nonce: "another" });
    case "no_nonce": return signed({ ...claims, nonce: undefined });
    case "expired": return signed({ ...claims, iat: now - 600, exp: now - 300 });
    case "two_roles": return signed({ ...claims, groups: ["everybody", "tidegate-operators", "tidegate-auditors"] });
    case "no_role": return signed({ ...claims, groups: ["everybody", "operator"] });
    case "another": return signed({ ...claims, sub: "u-2", groups: ["tidegate-operators"] });
    case "unnamed": return signed({ ...claims, preferred_username: "e va\u202e" });
    case "asked":
    case "asked_of_another": return signed({ ...claims, groups: undefined });
    default: return signed(claims);
  }
}

function metadata() {
  const told = {
    issuer,
    authorization_endpoint: `${issuer}/auth`,
    token_endpoint: `${issuer}/token`,
    userinfo_endpoint: `${issuer}/me`,
    jwks_uri: `${issuer}/keys`,
    response_types_supported: ["code"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["ES256", "HS256", "none"],
    authorization_response_iss_parameter_supported: true,
  };
  switch (mode) {
    case "other_issuer": return { ...told, issuer: "https://login.example" };
    case "token_elsewhere": return { ...told, token_endpoint: "http://192.0.2.1/token" };
    case "keys_here": return { ...told, jwks_uri: "https://localhost/keys" };
    case "keys_elsewhere": return { ...told, jwks_uri: "http://192.0.2.1/keys" };
    case "script": return { ...told, authorization_endpoint: "javascript:alert(1)" };
    case "no_token_endpoint": return { ...told, token_endpoint: undefined };
    case "huge_metadata": return { ...told, padding: "x".repeat(HUGE) };
    default: return told;
  }
}

function told(response, body, status = 200) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

function authorized(url, response) {
  const asked = url.searchParams;
  const code = crypto.randomUUID();
  codes.set(code, asked.get("nonce"));
  const back = new URL(asked.get("redirect_uri"));
  const add = (name, value) => back.searchParams.append(name, value);
  add("state", asked.get("state"));
  if (mode === "denied") add("error", "access_denied");
  else if (mode === "markup") add("error", "<script>alert(1)</script>");
  else add("code", code);
  if (mode !== "no_iss") add("iss", mode === "other_iss" ? "https://login.example" : issuer);
  response.writeHead(303, { location: back.href });
  response.end();
}

function granted(request, body, response) {
  const asked = new URLSearchParams(body);
  const basic = Buffer.from(`${CLIENT}:${encodeURIComponent(OIDC_SECRET)}`).toString("base64");
  if (request.headers.authorization !== `Basic ${basic}`) return told(response, { error: "invalid_client" }, 401);
  const nonce = codes.get(asked.get("code"));
  if (!codes.delete(asked.get("code")) || !asked.get("code_verifier")) {
    return told(response, { error: "invalid_grant" }, 400);
  }
  const answer = { access_token: "x", token_type: "Bearer", expires_in: 60 };
  if (mode === "away_later") return response.destroy();
  if (mode === "garbage") return response.end("{");
  if (mode === "no_token") return told(response, answer);
  if (mode === "elsewhere") {
    response.writeHead(307, { location: `${issuer}/mode/followed` });
    return response.end();
  }
  if (mode === "huge") answer.padding = "x".repeat(HUGE);
  return told(response, { ...answer, id_token: token(nonce) });
}

const server = http.createServer((request, response) => {
  const url = new URL(request.url, issuer);
  let body = "";
  request.on("data", (piece) => (body += piece));
  request.on("end", () => {
    if (url.pathname.startsWith("/mode/")) {
      mode = url.pathname.slice("/mode/".length);
      if (mode === "rotated") [key, kid] = [pair(), crypto.randomUUID()];
      return response.end();
    }
    if (url.pathname === "/mode") return response.end(mode);
    if (mode === "away") return response.destroy();
    if (url.pathname === "/.well-known/openid-configuration") return told(response, metadata());
    if (url.pathname === "/keys") {
      const public_key = key.publicKey.export({ format: "jwk" });
      return told(response, { keys: [{ ...public_key, kid, use: "sig", alg: "ES256" }] });
    }
    if (url.pathname === "/auth") return authorized(url, response);
    if (url.pathname === "/token") return granted(request, body, response);
    if (url.pathname === "/me") {
      return told(response, { sub: mode === "asked" ? "u-1" : "u-2", groups: ["tidegate-operators"] });
    }
    return told(response, {}, 404);
  });
});
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address();
  issuer = `http://127.0.0.1:${port}`;
  process.stdout.write(`${port}\n`);
});
