import { expect, test } from "vitest";
import { lines, place, within } from "./hex";

test("sixteen bytes a line, each at its place", () => {
  const told = lines("00".repeat(15) + "41" + "7e20ff", []);
  expect(told.map((line) => [line.offset, line.bytes.length])).toEqual([["0000", 16], ["0010", 3]]);
  expect(told[0]?.bytes[15]).toEqual({ at: 15, hex: "41", letter: "A", hidden: false });
  expect(told[1]?.bytes.map((byte) => byte.letter).join("")).toBe("~··");
  expect(lines("", [])).toEqual([]);
});

test("what is concealed is not shown, not even what stands in its place", () => {
  const told = lines("304130", [{ offset: 0, bytes: 1 }, { offset: 2, bytes: 9 }]);
  expect(told[0]?.bytes.map((byte) => byte.hex)).toEqual(["··", "41", "··"]);
  expect(told[0]?.bytes.map((byte) => byte.letter).join("")).toBe("·A·");
  expect(within(1, [{ offset: 0, bytes: 1 }])).toBe(false);
});

test("places are told from the first byte to the last", () => {
  expect(place({ offset: 14, bytes: 20 })).toBe("14–33");
  expect(place({ offset: 9, bytes: 1 })).toBe("9");
});
