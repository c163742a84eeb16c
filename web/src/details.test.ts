import { expect, test } from "vitest";
import { detailText } from "./details";

test("details of every form are text", () => {
  expect(detailText(1234)).toBe("1,234");
  expect(detailText(0.25)).toBe("0.25");
  expect(detailText(true)).toBe("yes");
  expect(detailText(["a", "b\u202e"])).toBe("a, b[U+202E]");
  expect(detailText({ new_findings: 2, note: null, by: "x" })).toBe("new findings: 2; by: x");
  expect(detailText({ from: {}, to: { days: 3 } })).toBe("to: days: 3");
  expect(detailText(1_798_468_339_652_000_000)).toMatch(/^2026-12-2\d \d\d:\d\d:19$/);
  expect(detailText(null)).toBe("");
});
