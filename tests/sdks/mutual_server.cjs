// A server of TLS that serves whoever shows a certificate of an authority that it knows, by Node's own TLS.
// Says whose it saw, and on which of its connections. Tells its port on its first line.
"use strict";
const fs = require("node:fs");
const https = require("node:https");

const read = (name) => fs.readFileSync(process.env[name]);
let connections = 0;
const server = https.createServer(
  { key: read("MUTUAL_KEY"), cert: read("MUTUAL_CERTIFICATE"), ca: read("MUTUAL_CLIENTS"), requestCert: true, rejectUnauthorized: true },
  (request, response) => {
    const { subject } = request.socket.getPeerCertificate();
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ subject: subject.CN, connection: request.socket.number }));
  },
);
server.on("secureConnection", (socket) => { socket.number = ++connections; });
server.listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`));
