// Walks the console in Chromium: logs in with each role, looks at every page in light and dark, has axe judge each,
// orders and downloads a report, acknowledges a finding. Prints what it saw.

const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { chromium } = require("playwright-core");

const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const URL = process.env.CONSOLE_URL;
const PASSWORD = process.env.CONSOLE_PASSWORD;
const RECORD = process.env.CONSOLE_RECORD;
const FINDING = process.env.CONSOLE_FINDING;
const SHOTS = process.env.CONSOLE_SHOTS;
const ROLES = ["viewer", "auditor", "compliance", "operator"];
const PAGES = {
  overview: "/",
  exchanges: "/exchanges",
  search: "/exchanges?decision=refused",
  exchange: `/exchanges/${RECORD}`,
  sessions: "/sessions",
  budgets: "/budgets",
  flows: "/flows",
  map: "/map",
  classes: "/classes",
  findings: "/findings?show=all",
  refusals: "/findings?show=all&kind=refuse",
  reports: "/reports",
  policy: `/policy?record=${RECORD}`,
  revocations: "/revocations",
};

const seen = { roles: {}, violations: [], foreign: [], errors: [] };

// A page that is watched: what it asks of others, and what the browser says is wrong.
async function open(browser, options) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.on("request", (request) => {
    if (!request.url().startsWith(URL)) seen.foreign.push(request.url());
  });
  page.on("console", (message) => {
    // A page that is refused is told so in the console, too.
    const refused = message.text().includes("status of 403");
    if (message.type() === "error" && !refused) seen.errors.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  return page;
}

async function login(page, role) {
  await page.goto(`${URL}/login`);
  await page.getByLabel("Name").fill(role);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
}

async function judge(page, name, scheme) {
  await page.evaluate(AXE);
  const options = { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };
  const { violations } = await page.evaluate((options) => window.axe.run(document, options), options);
  for (const violation of violations) {
    const { id, impact, nodes } = violation;
    seen.violations.push({ page: name, scheme, id, impact, where: nodes.slice(0, 3).map((node) => node.html) });
  }
}

// Every page, with the status that this role gets.
async function walk(page, role, scheme, judged) {
  const statuses = {};
  for (const [name, path] of Object.entries(PAGES)) {
    const response = await page.goto(URL + path);
    statuses[name] = response.status();
    if (judged) await judge(page, `${role} ${name}`, scheme);
    if (judged && role === "operator") {
      const fullPage = !["flows", "findings"].includes(name);
      await page.screenshot({ path: join(SHOTS, `${name}-${scheme}.png`), fullPage });
    }
  }
  return statuses;
}

async function acts(page) {
  await page.goto(`${URL}/reports`);
  await page.getByLabel("Report", { exact: true }).selectOption("agents");
  await page.getByLabel("Form", { exact: true }).selectOption("csv");
  await page.getByLabel("Purpose").fill("the yearly review");
  await page.getByRole("button", { name: "Make the report" }).click();
  const link = page.getByRole("link", { name: /^Download agents/ });
  while ((await link.count()) === 0) await page.getByRole("link", { name: "Refresh" }).click();
  const [download] = await Promise.all([page.waitForEvent("download"), link.first().click()]);
  seen.report = { name: download.suggestedFilename(), text: readFileSync(await download.path(), "utf8") };

  await page.goto(`${URL}/findings`);
  await page.getByRole("link", { name: "Refusals" }).click();
  await page.getByLabel(`Note on record ${FINDING}`).fill("looked at it");
  await page.getByRole("button", { name: `Acknowledge record ${FINDING}`, exact: true }).click();
  await page.getByRole("heading", { name: "Findings and alerts" }).waitFor();
  await page.getByRole("link", { name: "Refusals" }).click();
  seen.open = await page.getByRole("button", { name: `Acknowledge record ${FINDING}`, exact: true }).count();
  await page.getByRole("link", { name: "All", exact: true }).click();
  const row = page.getByRole("row").filter({ has: page.getByRole("link", { name: FINDING, exact: true }) });
  seen.acknowledged = await row.first().innerText();

  await page.goto(`${URL}/exchanges/${RECORD}`);
  const proof = page.getByRole("link", { name: "Download the inclusion proof" });
  const [proven] = await Promise.all([page.waitForEvent("download"), proof.click()]);
  seen.proof = JSON.parse(readFileSync(await proven.path(), "utf8"));
}

// By the keyboard alone: the first stop leads to the content.
async function keyboard(page) {
  await page.goto(`${URL}/`);
  await page.keyboard.press("Tab");
  seen.skip = await page.evaluate(() => document.activeElement.textContent);
  await page.keyboard.press("Enter");
  seen.focused = await page.evaluate(() => document.activeElement.id);
}

async function main() {
  const browser = await chromium.launch({
    executablePath: process.env.CONSOLE_BROWSER,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  for (const role of ROLES) {
    for (const scheme of ["light", "dark"]) {
      const page = await open(browser, { colorScheme: scheme });
      await page.goto(`${URL}/login`);
      await judge(page, "login", scheme);
      await page.screenshot({ path: join(SHOTS, `login-${scheme}.png`) });
      await login(page, role);
      seen.roles[role] = await walk(page, role, scheme, true);
      await page.context().close();
    }
  }
  // Nothing needs a script.
  const plain = await open(browser, { javaScriptEnabled: false });
  await login(plain, "compliance");
  await acts(plain);
  await plain.getByRole("button", { name: "Log out" }).click();
  await plain.getByRole("button", { name: "Log in" }).waitFor();
  seen.out = plain.url();
  const page = await open(browser, { viewport: { width: 420, height: 900 } });
  await login(page, "operator");
  await keyboard(page);
  await page.screenshot({ path: join(SHOTS, "overview-narrow.png"), fullPage: true });
  await browser.close();
  console.log(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error);
  console.error(JSON.stringify(seen));
  process.exit(1);
});
