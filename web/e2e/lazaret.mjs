// A real `lazaret serve` on loopback, and a browser in front of it.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

export const BINARY = process.env.LAZARET ?? "lazaret";
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
/** Longest wait for the server or a page, in milliseconds: machines of CI are busy. */
export const WAIT_MS = Number(process.env.LAZARET_WAIT_MS ?? 60_000);

/** Runs the binary to its end. */
export function lazaret(...words) {
  const done = spawnSync(BINARY, words, { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`lazaret ${words.join(" ")}: ${done.status}\n${done.stderr}`);
  return done.stdout;
}

/** A folder that goes when the tests end. */
export function folder() {
  const path = mkdtempSync(join(tmpdir(), "lazaret-console-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Starts the server over a store, and waits until it says where it is. */
export async function serve(store, ...more) {
  const server = spawn(BINARY, ["serve", "--store", store, "--listen", "127.0.0.1:0", ...more], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  const found = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the server did not start:\n${said}`)), WAIT_MS);
    server.on("exit", (code) => reject(new Error(`the server ended with ${code}:\n${said}`)));
    server.stderr.on("data", (bytes) => {
      said += bytes;
      const base = /API at (https?:\/\/[^/\s]+)\//.exec(said)?.[1];
      if (!base) return;
      clearTimeout(late);
      resolve({ base, link: /(https?:\/\/\S+\/setup#\S+)/.exec(said)?.[1] });
    });
  });
  return { ...found, said: () => said, stop: () => new Promise((on) => (server.removeAllListeners("exit"), server.on("exit", on), server.kill("SIGTERM"))) };
}

/** Headless Chromium that asks nobody but the page's server. */
export function browse() {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

/** A page, with everything that must not happen on any page written down. */
export async function page(browser, base, options = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1366, height: 768 }, colorScheme: "light", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  const faults = [];
  page.on("pageerror", (error) => faults.push(`an error: ${error.message}`));
  page.on("console", (message) => {
    // What the server refuses is said by the page; browsers write it down as well.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) faults.push(`told on the console: ${message.text()}`);
  });
  page.on("dialog", (dialog) => (faults.push(`a dialog: ${dialog.message()}`), dialog.dismiss()));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(base) && !/^(data|blob):/.test(url)) faults.push(`asked another origin: ${url}`);
  });
  return { page, context, faults };
}

/** The password of everybody in these tests. */
export const PASSWORD = "a quiet ward sleeps well";

/** Makes the first admin, `r.haldis`, by the one-time link. */
export async function makeFirstAdmin(page, link, password = PASSWORD) {
  await page.goto(link);
  await page.getByLabel("Name").fill("r.haldis");
  await page.locator("[name=password]").fill(password);
  await page.getByLabel("Password again").fill(password);
  await page.getByRole("button", { name: "Make the admin" }).click();
}
