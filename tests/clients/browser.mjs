// A real browser signs in, driven by a test: `node browser.mjs ADDRESS CALLBACK TENANT NAME`.
//
// It opens the address as a person would, finds the fields by their labels, picks and types, and presses the button.
// Whoever runs it listens at the callback. Prints one JSON object: what the person saw, where the browser was sent, and
// what it complained about. It decides nothing about what is right.
//
// Run it with NODE_PATH set to where playwright-core is installed, and PARTYWALL_TOOLS_CHROMIUM to a Chromium.

import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// `import` does not look into NODE_PATH, `require` does.
const require = createRequire(import.meta.url);
const { chromium } = require('playwright-core');

const [address, callback, tenant, name] = process.argv.slice(2);
const quiet = [
  '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

async function main(page, told) {
  page.on('console', (message) => told.complaints.push(message.text()));
  page.on('pageerror', (error) => told.complaints.push(String(error)));
  await page.goto(address);
  told.title = await page.title();
  told.text = await page.locator('main').innerText();
  told.tenants = (await page.getByLabel('Tenant').locator('option').allInnerTexts()).slice(1);
  told.styled = await page.locator('main').evaluate((main) => getComputedStyle(main).maxWidth);
  const scopes = page.getByRole('checkbox');
  told.scopes = await scopes.evaluateAll((boxes) => boxes.map((box) => [box.value, box.checked]));
  await page.getByLabel('Tenant').selectOption(tenant);
  await page.getByLabel('Your name').fill(name);
  await Promise.all([page.waitForURL(`${callback}*`), page.getByRole('button', { name: 'Sign in' }).click()]);
  told.came_back_to = page.url();
}

const told = { complaints: [] };
const home = await mkdtemp(join(tmpdir(), 'partywall-browser-'));
const executablePath = process.env.PARTYWALL_TOOLS_CHROMIUM;
let browser;
try {
  browser = await chromium.launchPersistentContext(home, { executablePath, headless: true, args: quiet, timeout: 60_000 });
  await main(await browser.newPage(), told);
} catch (error) {
  told.error = error.stack ?? String(error);
} finally {
  await browser?.close();
  await rm(home, { recursive: true, force: true });
}
console.log(JSON.stringify(told));
