import { expect, test } from "vitest";
import type { OutputRow } from "./api/shapes";
import { outputState } from "./outputs";

const output: OutputRow = { name: "siem", kind: "syslog", to: "siem:6514", route: "everything", waiting: 0, delivered: 0, repeated: 0, refused: 0 };

test("what a receiver's state is", () => {
  expect(outputState(output)).toBe("idle");
  expect(outputState({ ...output, delivered: 7 })).toBe("fine");
  expect(outputState({ ...output, delivered: 7, waiting: 2 })).toBe("waiting");
  expect(outputState({ ...output, delivered: 7, waiting: 2, failed_at: "2026-01-01T00:00:00Z" })).toBe("failing");
  expect(outputState({ ...output, kind: null, waiting: 2, failed_at: "2026-01-01T00:00:00Z" })).toBe("gone");
});
