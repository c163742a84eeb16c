// How long the pages of the console take over a big store, from asking to usable: settled, and answering a key. By hand, on a
// copy of the store that `cargo xtask bench-api` makes (the first admin is made in it):
//   LAZARET=target/release/lazaret LAZARET_STORE=/var/tmp/big.store node web/e2e/pages.bench.mjs
import assert from "node:assert/strict";
import { browse, makeFirstAdmin, page as open, serve } from "./lazaret.mjs";
import { PLACES, settled } from "./look.mjs";

const MOST_MS = 1000;

const server = await serve(process.env.LAZARET_STORE, "--no-tls");
const browser = await browse();
try {
  const { page, faults } = await open(browser, server.base);
  await makeFirstAdmin(page, server.link);
  await settled(page, "Overview");
  /** Where the first link of a list leads. */
  const first = async (path, heading, link) => {
    await page.goto(server.base + path);
    await settled(page, heading);
    return page.locator(link).first().getAttribute("href");
  };
  const device = await first("/devices", "Devices", "tbody a");
  const finding = await first("/findings", "Findings", ".rows a");
  const all = [...PLACES, [device, undefined, "device"], [finding, "Findings", "finding"]];
  const late = [];
  for (const [path, heading, name] of all) {
    const times = [];
    for (let turn = 0; turn < 3; turn++) {
      await page.goto("about:blank");
      const begun = performance.now();
      await page.goto(server.base + path);
      await settled(page, heading);
      await page.keyboard.press("?");
      await page.getByRole("dialog").waitFor();
      times.push(performance.now() - begun);
    }
    const [least, middle, most] = times.sort((a, b) => a - b).map(Math.round);
    console.log(`${name}: ${middle} ms (${least} to ${most})`);
    if (middle > MOST_MS) late.push(`${name}: ${middle} ms`);
  }
  assert.deepEqual(faults, []);
  assert.deepEqual(late, [], "pages that take longer than a second");
} finally {
  await browser.close();
  await server.stop();
}
