// What the browser tests look at a page with: pictures of it, axe-core, and whether it has settled.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PICTURES = process.env.LAZARET_PICTURES;
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** The pages of the console: path, heading, name of its pictures. */
export const PLACES = [
  ["/", "Overview", "overview"],
  ["/findings", "Findings", "findings"],
  ["/devices", "Devices", "devices"],
  ["/map", "Map", "map"],
  ["/captures", "Captures", "captures"],
  ["/audit", "Audit", "audit"],
  ["/containment", "Containment", "containment"],
  ["/reports", "Reports", "reports"],
  ["/sensors", "Sensors", "sensors"],
  ["/settings", "Settings", "settings"],
  ["/account", "Your account", "account"],
];

/** Keeps a picture of a page in the folder LAZARET_PICTURES, where there is one. */
export async function picture(page, name) {
  if (!PICTURES) return;
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: join(PICTURES, `${name}.png`) });
}

/** What axe-core says against a page. */
export async function violations(page, name) {
  await page.evaluate(AXE);
  const found = await page.evaluate((rules) => window.axe.run(document, { runOnly: rules }), RULES);
  return found.violations.map(({ id, impact, nodes }) => `${name}: ${id} (${impact}): ${nodes.map((node) => `${node.html} ${node.failureSummary}`).slice(0, 3).join(" | ")}`);
}

/** Waits until a page says its heading, and nothing loads. */
export async function settled(page, heading) {
  await page.getByRole("heading", { level: 1, name: heading }).waitFor();
  await page.waitForFunction(() => !document.querySelector(".waiting.on"));
}
