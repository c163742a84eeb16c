import { expect, test } from "vitest";
import { ranked, score } from "./search";

test("letters in order fit, others do not", () => {
  expect(score("fnd", "Findings")).toBeDefined();
  expect(score("dnf", "Findings")).toBeUndefined();
  expect(score("", "anything")).toBe(0);
});

test("what has the word comes before what has only its letters", () => {
  const all = ["Sign out", "Audit", "Settings", "Go to Sensors"];
  expect(ranked("se", all, (one) => one)[0]).toBe("Settings");
  expect(ranked("go sen", all, (one) => one)).toEqual(["Go to Sensors"]);
  expect(ranked("", all, (one) => one)).toEqual(all);
});
