import { expect, test } from "vitest";
import { fit, query, within } from "./route";

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

test("a place that was kept is one of this console or none", () => {
  expect(within("/findings/f-1?state=new")).toBe("/findings/f-1?state=new");
  expect(within("/?refused=no-role&text=a%20b")).toBe("/?text=a+b");
  expect(within("/?refused=stale")).toBe("/");
  for (const elsewhere of ["", "findings", "//evil.example/", "/\\evil.example", "https://evil.example/", "javascript:alert(1)"]) {
    expect(within(elsewhere)).toBeUndefined();
  }
});
