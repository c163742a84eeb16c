import { afterEach, expect, test, vi } from "vitest";
import { live } from "./live.svelte";

afterEach(() => {
  live.end();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** Whether pages may ask, once what is at hand was done. */
async function mayAsk(): Promise<boolean> {
  let settled = false;
  void live.begun.then(() => (settled = true));
  await vi.advanceTimersByTimeAsync(0);
  return settled;
}

test.each([
  ["answers", () => Promise.resolve(new Response(new ReadableStream()))],
  ["knows no session", () => Promise.resolve(new Response(null, { status: 401 }))],
  ["is busy", () => Promise.resolve(new Response(null, { status: 503 }))],
  ["is away", () => Promise.reject(new TypeError("Failed to fetch"))],
])("pages may ask as soon as the server %s", async (_, answer) => {
  vi.useFakeTimers();
  let reply: (() => void) | undefined;
  const asked = new Promise<void>((on) => (reply = on));
  vi.stubGlobal("fetch", () => asked.then(answer));
  live.begin();
  expect(await mayAsk()).toBe(false);
  reply?.();
  expect(await mayAsk()).toBe(true);
});

test("pages do not wait long where no connection is free", async () => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", () => new Promise(() => undefined));
  live.begin();
  expect(await mayAsk()).toBe(false);
  await vi.advanceTimersByTimeAsync(300);
  expect(await mayAsk()).toBe(true);
});
