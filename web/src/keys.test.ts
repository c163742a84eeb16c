import { expect, test } from "vitest";
import { Keys, type Pressed, type Shortcut } from "./keys";

const key = (key: string, more: Partial<Pressed> = {}): Pressed => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  ...more,
});
const shortcut = (keys: string): Shortcut => ({ keys, does: keys, run: () => undefined });
const all = ["g d", "g f", "?", "ctrl+k", "a"].map(shortcut);

test("two keys after another are one shortcut", () => {
  const keys = new Keys();
  expect(keys.press(key("g"), 0, all)).toBeUndefined();
  expect(keys.press(key("d"), 500, all)?.keys).toBe("g d");
  expect(keys.press(key("d"), 600, all)).toBeUndefined();
});

test("the first of two is forgotten after a while, and when another comes", () => {
  const keys = new Keys();
  keys.press(key("g"), 0, all);
  expect(keys.press(key("d"), 2000, all)).toBeUndefined();
  keys.press(key("g"), 3000, all);
  keys.press(key("x"), 3100, all);
  expect(keys.press(key("d"), 3200, all)).toBeUndefined();
});

test("a first key does not swallow a single one", () => {
  const keys = new Keys();
  keys.press(key("g"), 0, all);
  expect(keys.press(key("a"), 100, all)?.keys).toBe("a");
});

test("chords are not letters, and modifiers alone are nothing", () => {
  const keys = new Keys();
  expect(keys.press(key("k", { ctrlKey: true }), 0, all)?.keys).toBe("ctrl+k");
  expect(keys.press(key("K", { metaKey: true }), 0, all)?.keys).toBe("ctrl+k");
  expect(keys.press(key("a", { ctrlKey: true }), 0, all)).toBeUndefined();
  keys.press(key("g"), 0, all);
  keys.press(key("Shift"), 100, all);
  expect(keys.press(key("d"), 200, all)?.keys).toBe("g d");
});
