// The vault in a real browser: hashes for an admin, a name for the clinical role, and only when it is asked for.
//   LAZARET=target/ci/lazaret node --test e2e/vault.e2e.mjs
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { browse, folder, lazaret, page as open, serve, PASSWORD, WAIT_MS } from "./lazaret.mjs";
import { picture } from "./look.mjs";


let home, server, browser, truth, place;

/** A name by its last word: messages between servers turn names around. */
const family = (bed) => bed.patient.name.split(" ").at(-1);

async function ask(path, body, headers = {}) {
  const answer = await fetch(`${server.base}${path}`, { method: body ? "POST" : "GET", body: body && JSON.stringify(body), headers: { "Content-Type": "application/json", ...headers } });
  assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.clone().text()}`);
  return { answer: await answer.json(), cookie: answer.headers.get("set-cookie")?.split(";")[0] };
}

before(async () => {
  home = folder();
  const ward = join(home.path, "ward.pcap");
  lazaret("simulate", "ward", "--quiet", "--output", ward, "--monitors", "2", "--minutes", "0.3");
  truth = JSON.parse(readFileSync(`${ward}.truth.json`, "utf8")).beds;
  const key = join(home.path, "vault.key");
  writeFileSync(key, "a lamp, a door and a tide");
  server = await serve(join(home.path, "store"), "--no-tls", "--replay", ward, "--speed", "100", "--vault", "--vault-key-file", key);
  const made = await ask("/api/v1/setup", { secret: server.link.split("#")[1], name: "r.haldis", password: PASSWORD });
  const known = { Cookie: made.cookie, "X-CSRF-Token": made.answer.csrf };
  await ask("/api/v1/users", { name: "ostrava", role: "clinical", password: PASSWORD }, known);
  // Every bed is known, and everybody in the vault, when the replay is over. The beds stay.
  const until = Date.now() + WAIT_MS;
  while (!server.said().includes("the replay ended; its results are in the store")) {
    assert.ok(Date.now() < until, server.said());
    await new Promise((on) => setTimeout(on, 50));
  }
  const live = await ask("/api/v1/live", undefined, known);
  place = live.answer.beds.find((bed) => bed.bed === truth[0].bed);
  browser = await browse();
});
after(async () => {
  await browser?.close();
  await server?.stop();
  home?.remove();
});

async function signedIn(name, path) {
  const view = await open(browser, server.base, { viewport: { width: 1920, height: 1080 } });
  await view.page.goto(`${server.base}${path}`);
  await view.page.getByLabel("Name").fill(name);
  await view.page.getByLabel("Password").fill(PASSWORD);
  await view.page.getByRole("button", { name: "Sign in" }).click();
  return view;
}

test("an admin sees the hash and no way to the name", async () => {
  const { page, context, faults } = await signedIn("r.haldis", `/wall/${place.id}`);
  await page.getByText(place.patient).waitFor();
  await page.getByText("Names are for the role clinical alone.").waitFor();
  assert.equal(await page.getByRole("button", { name: "Show the name" }).count(), 0);
  await picture(page, "vault-admin");
  assert.deepEqual(faults, []);
  await context.close();
});

test("the clinical role is shown a name when they ask for it, and it is not there on the next visit", async () => {
  const { page, context, faults } = await signedIn("ostrava", `/wall/${place.id}`);
  await page.getByText(place.patient).waitFor();
  assert.ok(!(await page.content()).includes(family(truth[0])), "shown before anybody asked");
  await page.getByRole("button", { name: "Show the name" }).click();
  await page.getByText(family(truth[0])).waitFor();
  await picture(page, "vault-name");
  await page.goto(`${server.base}/wall`);
  await page.getByRole("button", { name: "Names" }).waitFor();
  assert.ok(!(await page.content()).includes(family(truth[0])), "kept from the page before");
  await page.getByRole("button", { name: "Names" }).click();
  for (const bed of truth) await page.getByText(family(bed)).waitFor();
  await picture(page, "vault-wall");
  assert.deepEqual(faults, []);
  await context.close();
});
