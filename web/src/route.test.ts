import { expect, test } from "vitest";
import { fit, query } from "./route";

test("a path fits its pattern and gives its parts", () => {
  expect(fit("/", "/")).toEqual({});
  expect(fit("/devices/:id", "/devices/a-1")).toEqual({ id: "a-1" });
  expect(fit("/devices/:id", "/devices/a%20b/")).toEqual({ id: "a b" });
  expect(fit("/devices", "/devices/a-1")).toBeUndefined();
  expect(fit("/devices/:id", "/findings/a-1")).toBeUndefined();
  expect(fit("/devices/:id", "/devices/%zz")).toBeUndefined();
});

test("a query leaves out what is empty", () => {
  expect(query({ text: "a b&c", state: "", severity: undefined, after: "f-1" })).toBe("?after=f-1&text=a+b%26c");
  expect(query({})).toBe("");
});
