// Logs in at the console by a real OpenID provider in Chromium, without scripts, and out again at both; has axe judge the
// pages on the way; brings a code of one login to another. Prints what it saw.
"use strict";
const { readFileSync } = require("node:fs");
const { chromium } = require("playwright-core");

const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const URL_OF_CONSOLE = process.env.CONSOLE_URL;
const CALLBACK = `${URL_OF_CONSOLE}/login/openid/callback`;
const seen = { violations: [] };

async function judge(page, name) {
  await page.evaluate(AXE);
  const options = { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };
  const { violations } = await page.evaluate((options) => window.axe.run(document, options), options);
  for (const { id, nodes } of violations) seen.violations.push({ page: name, id, where: nodes[0].html });
}

// To the provider, and there until it asks whether the console may know.
async function there(page, name) {
  await page.goto(`${URL_OF_CONSOLE}/login`);
  await page.getByRole("link", { name: /^Log in at/ }).click();
  await page.locator("input[name=login]").fill(name);
  await page.locator("input[name=password]").fill("any");
  await page.getByRole("button", { name: "Sign-in" }).click();
  return page.getByRole("button", { name: "Continue" });
}

// The same, but the browser is stopped on its way back; where it was sent.
async function stopped(page, name) {
  await (await there(page, name)).waitFor();
  const action = await page.locator("form").first().getAttribute("action");
  const { request } = page.context();
  let answer = await request.post(action, { form: { prompt: "consent" }, maxRedirects: 0 });
  while (!answer.headers().location.startsWith(CALLBACK)) {
    answer = await request.get(new URL(answer.headers().location, action).href, { maxRedirects: 0 });
  }
  return new URL(answer.headers().location);
}

async function main() {
  const browser = await chromium.launch({
    executablePath: process.env.CONSOLE_BROWSER,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
  const fresh = async (options) => (await browser.newContext(options)).newPage();

  const page = await fresh({ javaScriptEnabled: false });
  await (await there(page, "eva")).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  seen.who = await page.locator(".who span").first().innerText();
  const statuses = {};
  for (const path of ["/exchanges", "/reports"]) {
    statuses[path] = (await page.goto(URL_OF_CONSOLE + path)).status();
  }
  seen.statuses = statuses;
  const cookies = await page.context().cookies(URL_OF_CONSOLE);
  cookies.sort((one, other) => (one.name < other.name ? -1 : 1));
  seen.cookies = cookies.map(({ name, httpOnly, sameSite }) => ({ name, httpOnly, sameSite }));
  await page.goto(`${URL_OF_CONSOLE}/`);
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("button", { name: "Yes, sign me out" }).click();
  await page.getByRole("link", { name: /^Log in at/ }).waitFor();
  seen.out = page.url();
  await page.goto(`${URL_OF_CONSOLE}/exchanges`);
  seen.after = page.url();
  // The provider asks anew who it is.
  await page.getByRole("link", { name: /^Log in at/ }).click();
  await page.locator("input[name=login]").waitFor();

  const judged = await fresh({});
  await judged.goto(`${URL_OF_CONSOLE}/login`);
  await judge(judged, "login");
  await (await there(judged, "paul")).click();
  await judged.getByRole("heading", { name: "Not logged in" }).waitFor();
  seen.refused = await judged.getByRole("alert").innerText();
  await judge(judged, "refused");

  // A code that was got from somebody is worth nothing in another login.
  const victim = await fresh({ javaScriptEnabled: false });
  const taken = await stopped(victim, "ute");
  const thief = await fresh({ javaScriptEnabled: false });
  const own = await stopped(thief, "eva");
  own.searchParams.set("code", taken.searchParams.get("code"));
  await thief.goto(own.href);
  seen.injected = await thief.getByRole("heading").first().innerText();
  // Nor is the whole answer in a browser that did not ask for it.
  await thief.goto(taken.href);
  seen.foreign = await thief.getByRole("heading").first().innerText();
  // In its own it is good, once.
  const again = await stopped(await fresh({ javaScriptEnabled: false }), "ute");
  seen.lost = (await (await fresh({})).goto(again.href)).status();
  await browser.close();
  console.log(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error);
  console.error(JSON.stringify(seen));
  process.exit(1);
});
