// Calls through an SDK, and what it made of them: what it handed out, or the error that it threw.
"use strict";

const calls = {};

// Runs `made`; `seen` is what it was handed before an error.
async function call(name, made) {
  const seen = [];
  try {
    calls[name] = { value: await made(seen) };
  } catch (error) {
    calls[name] = {
      error: error.constructor.name,
      status: error.status ?? error.statusCode ?? null,
      code: error.code ?? null,
      message: error.message,
      seen: seen.join(""),
    };
  }
}

module.exports = {
  call,
  url: process.env.SDK_URL,
  key: process.env.SDK_KEY,
  finish: () => process.stdout.write(JSON.stringify(calls)),
};
