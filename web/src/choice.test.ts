import { expect, test } from "vitest";
import { allTurned, kept, moved, turned } from "./choice";

test("choosing turns", () => {
  expect([...turned(new Set(["a"]), "b")]).toEqual(["a", "b"]);
  expect([...turned(new Set(["a", "b"]), "a")]).toEqual(["b"]);
  expect([...allTurned(new Set(["a"]), ["a", "b"])]).toEqual(["a", "b"]);
  expect([...allTurned(new Set(["a", "b"]), ["a", "b"])]).toEqual([]);
});

test("what is no longer shown is no longer chosen", () => {
  expect([...kept(new Set(["a", "b"]), ["b", "c"])]).toEqual(["b"]);
});

test("keys stay within the list", () => {
  expect(moved(["a", "b"], undefined, 1)).toBe("a");
  expect(moved(["a", "b"], "a", 1)).toBe("b");
  expect(moved(["a", "b"], "b", 1)).toBe("b");
  expect(moved(["a", "b"], "a", -1)).toBe("a");
  expect(moved(["a", "b"], "gone", 1)).toBe("a");
  expect(moved([], "a", 1)).toBeUndefined();
});
