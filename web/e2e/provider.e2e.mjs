// Sign-in by an identity provider as people meet it: the button at the console's door, the provider's own pages, and back.
// LAZARET_PROVIDER is the folder of the provider's script and packages; run by `crates/lazaret/tests/browser`.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { browse, folder, makeFirstAdmin, page as open, serve } from "./lazaret.mjs";
import { picture } from "./look.mjs";


let home, provider, issuer, server, browser;

before(async () => {
  home = folder();
  provider = spawn(process.execPath, ["provider.mjs"], { cwd: process.env.LAZARET_PROVIDER, stdio: ["ignore", "pipe", "ignore"] });
  const lines = createInterface({ input: provider.stdout });
  issuer = await new Promise((resolve, reject) => {
    lines.once("line", (line) => resolve(line.replace("issuer ", "")));
    provider.once("exit", (code) => reject(new Error(`the provider ended with ${code}`)));
  });
  writeFileSync(join(home.path, "oidc.secret"), "the secret that the site and its provider share\n", { mode: 0o600 });
  writeFileSync(
    join(home.path, "oidc.toml"),
    `schema = 1\nname = "Hospital account"\nissuer = "${issuer}"\nclient_id = "lazaret"\nclient_secret_file = "oidc.secret"\n` +
      `scopes = ["profile", "groups"]\n[roles]\nanalyst = ["biomed"]\n`,
  );
  server = await serve(join(home.path, "ward.store"), "--no-tls", "--oidc", join(home.path, "oidc.toml"));
  browser = await browse();
});
after(async () => {
  await browser?.close();
  await server?.stop();
  provider?.removeAllListeners("exit");
  provider?.kill();
  home?.remove();
});

/** Nothing forbidden happened but that the provider was asked. */
function clean(view) {
  assert.deepEqual(view.faults.filter((fault) => !fault.startsWith(`asked another origin: ${issuer}`)), []);
}

/** Through the provider's pages as `person`, from the button at the door. */
async function enter(page, person) {
  await page.getByRole("link", { name: "Sign in with Hospital account" }).click();
  await page.getByPlaceholder("Enter any login").fill(person);
  await page.getByPlaceholder("and password").fill("x");
  await page.getByRole("button", { name: "Sign-in" }).click();
  await page.getByRole("button", { name: "Continue" }).click();
}

test("the first admin is a local one; then people come in by the button, and back to where they were", async () => {
  const first = await open(browser, server.base);
  await makeFirstAdmin(first.page, server.link);
  await first.page.getByText("Nothing was scanned yet").waitFor();
  clean(first);
  await first.context.close();

  const view = await open(browser, server.base);
  const { page } = view;
  await page.goto(`${server.base}/findings?state=resolved`);
  await page.getByRole("link", { name: "Sign in with Hospital account" }).waitFor();
  await picture(page, "provider-door");
  await enter(page, "ostrava.biomed");
  await page.waitForURL(`${server.base}/findings?state=resolved`);
  await page.getByRole("heading", { level: 1, name: "Findings" }).waitFor();
  await page.goto(`${server.base}/account`);
  await page.getByText("ostrava").first().waitFor();
  await picture(page, "provider-account");
  await page.getByRole("button", { name: "Sign out" }).first().click();
  await page.getByRole("link", { name: "Sign in with Hospital account" }).waitFor();
  clean(view);
  await view.context.close();
});

test("who is in no group that may is told so at the door, once", async () => {
  const view = await open(browser, server.base);
  const { page } = view;
  await page.goto(server.base);
  await enter(page, "somebody.visitors");
  await page.getByRole("alert").filter({ hasText: "in no group that may use this server" }).waitFor();
  await picture(page, "provider-refused");
  assert.equal(new URL(page.url()).search, "");
  await page.reload();
  await page.getByRole("link", { name: "Sign in with Hospital account" }).waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
  clean(view);
  await view.context.close();
});
