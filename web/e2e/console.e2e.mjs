// The console in a real browser over a real server: what people do, by mouse and by keys alone; every page by axe-core,
// in both colours; hostile names. Run by `crates/lazaret/tests/browser`, or by hand:
//   LAZARET=target/ci/lazaret node --test e2e/console.e2e.mjs
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test as declare } from "node:test";
import { browse, folder, lazaret, makeFirstAdmin, page as open, serve, PASSWORD } from "./lazaret.mjs";
import { PLACES, picture, settled, violations } from "./look.mjs";
import { HOSTILE, writeHostileWard } from "./ward.mjs";

const FIRST_LOAD_BYTES_MAX = 300_000;

/** Each goes on where the one before ended, so that after the first that fails none is run. */
let failed = false;
function test(name, run) {
  declare(name, async (context) => {
    if (failed) return context.skip("one before failed");
    failed = true;
    await run();
    failed = false;
  });
}

let home, server, browser, admin;

before(async () => {
  home = folder();
  lazaret("simulate", "ward", "--quiet", "--output", join(home.path, "ward.pcap"), "--monitors", "4", "--minutes", "1", "--scenario", "leak", "--scenario", "update-udp", "--scenario", "tamper-number");
  writeHostileWard(join(home.path, `${HOSTILE[0].replace("/", "")}.pcap`));
  lazaret("evidence", "keygen", "--key", join(home.path, "site.key"));
  server = await serve(join(home.path, "ward.store"), "--captures", home.path, "--evidence-key", join(home.path, "site.key"));
  browser = await browse();
  admin = await open(browser, server.base);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  home?.remove();
});

/** What the next key goes to matches `selector`. */
function held(page, selector) {
  return page.waitForFunction((selector) => document.activeElement?.matches(selector), selector);
}
/** Nothing forbidden happened so far. */
function clean(...views) {
  for (const view of views) assert.deepEqual(view.faults, []);
}
async function audit(page, name) {
  assert.deepEqual(await violations(page, name), []);
}

test("first start: the link makes the first admin, once", async () => {
  const { page } = admin;
  await page.goto(server.base);
  await page.getByRole("heading", { name: "There is no user yet" }).waitFor();
  await picture(page, "no-user");
  await audit(page, "no user yet");
  await makeFirstAdmin(page, server.link, "short");
  await page.getByText("fewer than 12 characters").waitFor();
  await audit(page, "first admin");
  await picture(page, "setup");
  await page.locator("[name=password]").fill(PASSWORD);
  await page.getByLabel("Password again").fill(PASSWORD);
  await page.getByRole("button", { name: "Make the admin" }).click();
  await page.getByText("Nothing was scanned yet").waitFor();
  await audit(page, "empty overview");
  await picture(page, "empty");
  clean(admin);
  const second = await open(browser, server.base);
  await second.page.goto(server.link);
  await second.page.getByRole("heading", { name: "Sign in" }).waitFor();
  await second.context.close();
});

test("the first load is small, and no page asks anybody else", async () => {
  const view = await open(browser, server.base);
  let bytes = 0;
  const client = await view.context.newCDPSession(view.page);
  await client.send("Network.enable");
  client.on("Network.loadingFinished", (event) => (bytes += event.encodedDataLength));
  await view.page.goto(server.base, { waitUntil: "networkidle" });
  await view.page.getByRole("heading", { name: "Sign in" }).waitFor();
  await audit(view.page, "sign in");
  await picture(view.page, "sign-in");
  await view.page.getByLabel("Name").fill("r.haldis");
  await view.page.getByLabel("Password").fill("wrong, wrong, wrong");
  await view.page.getByRole("button", { name: "Sign in" }).click();
  await view.page.getByText("Name or password is wrong").waitFor();
  await view.page.getByLabel("Password").fill(PASSWORD);
  await view.page.getByRole("button", { name: "Sign in" }).click();
  await settled(view.page, "Overview");
  assert.ok(bytes > 10_000, "nothing was loaded");
  assert.ok(bytes < FIRST_LOAD_BYTES_MAX, `the first load is ${bytes} bytes`);
  console.log(`first load with the overview: ${bytes} bytes`);
  clean(view);
  await view.context.close();
});

test("a capture is uploaded and scanned, and its findings appear by themselves elsewhere", async () => {
  const { page } = admin;
  const watching = await admin.context.newPage();
  await watching.goto(`${server.base}/findings`);
  await watching.getByText("No open finding").waitFor();
  await page.getByRole("link", { name: "Captures" }).click();
  await settled(page, "Captures");
  await audit(page, "empty captures");
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Choose files" }).click();
  await (await chooser).setFiles(join(home.path, "ward.pcap"));
  await page.getByText(/new findings, 0 grown/).waitFor();
  await page.getByRole("cell", { name: /ward\.pcap/ }).waitFor();
  await watching.locator(".rows li").first().waitFor();
  await watching.close();
  const name = `${HOSTILE[0].replace("/", "")}.pcap`;
  const again = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Choose files" }).click();
  await (await again).setFiles(join(home.path, name));
  await page.getByRole("cell", { name: /onerror/ }).waitFor();
  await audit(page, "captures");
  await picture(page, "captures");
  clean(admin);
});

test("triage: filter, decide about several, take it back, give a reason", async () => {
  const { page } = admin;
  await page.getByRole("link", { name: "Findings", exact: false }).first().click();
  await settled(page, "Findings");
  const rows = page.locator(".rows li");
  const all = await rows.count();
  assert.ok(all > 3, `${all} findings`);
  await picture(page, "findings");
  await page.getByLabel("At least").selectOption("critical");
  await page.waitForFunction((all) => document.querySelectorAll(".rows li").length < all, all);
  assert.match(page.url(), /severity=critical/);
  const critical = await rows.count();
  await page.getByLabel("Choose all shown").check();
  await audit(page, "findings, some chosen");
  await page.getByRole("button", { name: "Resolve" }).click();
  await page.getByText(/findings? resolved\./).waitFor();
  await page.getByText("No finding fits").waitFor();
  await page.getByRole("region", { name: "Messages" }).getByRole("button", { name: "Undo" }).click();
  await page.getByText("Taken back.").waitFor();
  await page.waitForFunction((many) => document.querySelectorAll(".rows li").length === many, critical);
  await rows.first().getByRole("link").click();
  await page.getByRole("heading", { name: "What to do" }).waitFor();
  await page.getByRole("heading", { name: "Evidence" }).waitFor();
  await audit(page, "a finding");
  await picture(page, "finding");
  const pane = page.locator(".pane");
  await pane.getByRole("button", { name: "Suppress" }).click();
  await audit(page, "suppressing");
  await picture(page, "suppress");
  await page.getByRole("dialog").getByRole("button", { name: "Suppress" }).click();
  await page.getByText("Enter a reason.").waitFor();
  await page.getByLabel("Why").fill(HOSTILE[1]);
  await page.getByRole("dialog").getByRole("button", { name: "Suppress" }).click();
  await page.getByText("1 finding suppressed.").waitFor();
  await pane.getByText("Quiet until").waitFor();
  clean(admin);
});

test("the frames of the leak are told field by field, and taken as a bundle that holds", async () => {
  const { page } = admin;
  await page.goto(`${server.base}/findings?rule=patient-data-offsite&state=all`);
  await settled(page, "Findings");
  await page.locator(".rows li").first().getByRole("link").click();
  await page.getByRole("button", { name: "Show the frames" }).click();
  await page.getByRole("cell", { name: "202.114.4.119", exact: true }).first().waitFor();
  await page.getByText("a patient's or a secret; not shown").first().waitFor();
  await page.getByRole("rowheader", { name: /–/ }).first().hover();
  await page.locator(".dump .lit").first().waitFor();
  await audit(page, "frames");
  await picture(page, "frames");
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download evidence bundle" }).click();
  const file = await download;
  assert.match(file.suggestedFilename(), /^evidence-f-[0-9a-f]{16}\.tar$/);
  const told = lazaret("evidence", "verify", await file.path(), "--public-key", join(home.path, "site.key.pub"));
  assert.match(told, /whole/);
  clean(admin);
});

test("keys alone: from the overview to a decision and back", async () => {
  const view = await open(browser, server.base, { storageState: await admin.context.storageState() });
  const { page } = view;
  await page.goto(server.base);
  await settled(page, "Overview");
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await audit(page, "keys");
  await picture(page, "keys");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("g");
  await page.keyboard.press("f");
  await settled(page, "Findings");
  await page.locator(".rows li").first().waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await held(page, ".rows a");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "What to do" }).waitFor();
  const at = page.url();
  await page.keyboard.press("a");
  await page.getByText("1 finding acknowledged.").waitFor();
  await page.keyboard.press("Control+z");
  await page.getByText("Taken back.").waitFor();
  await page.keyboard.press("j");
  await page.waitForFunction((at) => location.href !== at, at);
  await page.keyboard.press("f");
  await held(page, "dialog textarea");
  await page.keyboard.type("A practice capture.");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByText("1 finding marked as false positive.").waitFor();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => location.pathname === "/findings");
  await page.keyboard.press("Control+k");
  await page.getByRole("dialog", { name: "Search and commands" }).waitFor();
  await held(page, "dialog input");
  await page.keyboard.type("dev");
  await page.getByRole("option", { name: /Devices/ }).first().waitFor();
  await audit(page, "palette");
  await picture(page, "palette");
  await page.keyboard.press("Enter");
  await settled(page, "Devices");
  await page.keyboard.press("/");
  await held(page, "input");
  await page.keyboard.type("CMS8000");
  await page.waitForFunction(() => location.search.includes("text=CMS8000"));
  await page.waitForFunction(() => !document.querySelector(".waiting.on"));
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !document.activeElement?.matches("input"));
  await page.keyboard.press("j");
  await held(page, "a[id^='to-']");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Whom it talks to" }).waitFor();
  await page.keyboard.press("t");
  await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
  clean(view);
  await view.context.close();
});

test("users and tokens are made, and a viewer sees and cannot decide", async () => {
  const { page } = admin;
  await page.goto(`${server.base}/settings`);
  await settled(page, "Settings");
  await page.getByLabel("Name of the site").fill(HOSTILE[2]);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  await page.getByRole("button", { name: "New user…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill(HOSTILE[4].slice(0, 40));
  await dialog.getByLabel("Password").fill(PASSWORD);
  await audit(page, "a new user");
  await dialog.getByRole("button", { name: "Make the user" }).click();
  await page.getByText("can sign in now").waitFor();
  await page.getByRole("button", { name: "New token…" }).click();
  await dialog.getByLabel("For").fill("backup of findings");
  await dialog.getByRole("button", { name: "Make it" }).click();
  const secret = await dialog.locator("code").textContent();
  assert.match(secret ?? "", /^lzt_/);
  await dialog.getByRole("button", { name: "I have kept it" }).click();
  await audit(page, "settings");
  await picture(page, "settings");
  const viewer = await open(browser, server.base);
  await viewer.page.goto(`${server.base}/findings`);
  await viewer.page.getByLabel("Name").fill(HOSTILE[4].slice(0, 40));
  await viewer.page.getByLabel("Password").fill(PASSWORD);
  await viewer.page.getByRole("button", { name: "Sign in" }).click();
  await settled(viewer.page, "Findings");
  await viewer.page.locator(".rows li a").first().click();
  await viewer.page.getByText("cannot decide").waitFor();
  assert.equal(await viewer.page.getByRole("button", { name: "Resolve" }).count(), 0);
  await viewer.page.goto(`${server.base}/audit`);
  await viewer.page.getByText("Your role does not open this page").waitFor();
  clean(admin, viewer);
  await viewer.context.close();
});

test("the audit log tells all of it, and is whole", async () => {
  const { page } = admin;
  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await settled(page, "Audit");
  await page.getByRole("cell", { name: "suppress", exact: true }).first().waitFor();
  await page.getByRole("button", { name: "Verify the log" }).click();
  await page.getByText("The log is whole").waitFor();
  await audit(page, "audit");
  await picture(page, "audit");
  clean(admin);
});

test("a report is made for the regulator, as a PDF and as a page", async () => {
  const { page } = admin;
  await page.goto(`${server.base}/reports`);
  await settled(page, "Reports");
  await page.getByRole("radio", { name: /The regulator/ }).check();
  for (const [button, name, begins] of [["Download PDF: Posture", /^posture-regulator-.*\.pdf$/, "%PDF-1.7"], ["Download page: Containment", /^containment-regulator-.*\.html$/, "<!doctype html>"]]) {
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: button }).click();
    const file = await download;
    assert.match(file.suggestedFilename(), name);
    assert.ok(readFileSync(await file.path(), "latin1").startsWith(begins), `${button} does not begin so`);
  }
  clean(admin);
});

test("every page, in both colours and at both ends of screens, is accessible and whole", async () => {
  const storageState = await admin.context.storageState();
  const told = [];
  for (const colorScheme of ["light", "dark"]) {
    for (const viewport of [{ width: 1366, height: 768 }, { width: 3840, height: 2160 }, { width: 390, height: 844 }]) {
      const view = await open(browser, server.base, { storageState, colorScheme, viewport });
      for (const [path, heading, name] of PLACES) {
        await view.page.goto(server.base + path);
        await settled(view.page, heading);
        await picture(view.page, `${name}-${colorScheme}-${viewport.width}`);
        told.push(...(await violations(view.page, `${name} ${colorScheme} ${viewport.width}`)));
        const over = await view.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        if (over > 0) told.push(`${name} at ${viewport.width} is ${over} px too wide`);
      }
      await view.page.goto(`${server.base}/devices?text=CMS8000`);
      await view.page.locator("tbody a").first().click();
      await view.page.getByRole("heading", { name: "Identity" }).waitFor();
      await picture(view.page, `device-${colorScheme}-${viewport.width}`);
      told.push(...(await violations(view.page, `device ${colorScheme} ${viewport.width}`)));
      clean(view);
      await view.context.close();
    }
  }
  assert.deepEqual(told, []);
});

test("hostile names stay text, on every page and in what is exported", async () => {
  const { page } = admin;
  await page.goto(`${server.base}/devices`);
  await settled(page, "Devices");
  await page.getByText("Columns").click();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export" }).click();
  const file = readFileSync(await (await download).path(), "utf8");
  assert.ok(!/(^|,)"?[=+@-]/m.test(file.replace(/^\ufeff/, "")), "a cell is a formula");
  const seen = new Set();
  const links = await page.locator("tbody a[href^='/devices/']").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
  for (const href of links) {
    await page.goto(server.base + href);
    await page.getByRole("heading", { name: "Identity" }).waitFor();
    const text = await page.locator("main").innerText();
    for (const name of HOSTILE) if (text.includes(name.slice(0, 12))) seen.add(name);
    assert.equal(await page.locator("main script, main img, main svg[onload], main b:text-is('pwned')").count(), 0);
  }
  assert.ok(seen.size >= 3, `the hostile names are not on the pages, so this proves nothing: ${[...seen]}`);
  assert.equal(await page.evaluate(() => window.pwned), undefined);
  clean(admin);
});

test("a session that ends leaves the page and asks to sign in again", async () => {
  const view = await open(browser, server.base);
  const { page } = view;
  await page.goto(`${server.base}/devices`);
  await page.getByLabel("Name").fill("r.haldis");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await settled(page, "Devices");
  await view.context.clearCookies();
  await page.getByRole("combobox", { name: /^Kind/ }).selectOption("medical");
  await page.getByText("Your session has ended").waitFor();
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("dialog").getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.ok(await page.locator("tbody tr").count());
  await view.context.close();
});

const FINDINGS = /\/api\/v1\/findings\?/;
const EVENTS = /\/api\/v1\/events$/;

test("what one question cannot get is said, what was there stays, and trying again gets it", async () => {
  const view = await open(browser, server.base, { storageState: await admin.context.storageState() });
  const { page } = view;
  // Nothing is told live, so that nothing but the button can mend it.
  await page.route(EVENTS, (route) => route.abort());
  await page.goto(`${server.base}/findings`);
  await page.locator(".rows li").first().waitFor();
  await page.route(FINDINGS, (route) => route.abort());
  await page.getByLabel("Order").selectOption("last");
  await page.getByText("The server does not answer").waitFor();
  assert.ok(await page.locator(".rows li").count(), "what was there before is gone");
  await picture(page, "unreachable");
  await page.unroute(FINDINGS);
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("The server does not answer").waitFor({ state: "detached" });
  await view.context.close();
});

test("a server that was away is found again by the page itself", async () => {
  const view = await open(browser, server.base, { storageState: await admin.context.storageState() });
  const { page } = view;
  // Away from the start for what is told live, so that it is tried again until the server is back.
  await page.route(EVENTS, (route) => route.abort());
  await page.goto(`${server.base}/findings`);
  await page.locator(".rows li").first().waitFor();
  await page.route(FINDINGS, (route) => route.abort());
  await page.getByLabel("Order").selectOption("last");
  await page.getByText("The server does not answer").waitFor();
  await page.unroute(FINDINGS);
  await page.unroute(EVENTS);
  await page.getByText("The server does not answer").waitFor({ state: "detached" });
  assert.ok(await page.locator(".rows li").count());
  await view.context.close();
});
