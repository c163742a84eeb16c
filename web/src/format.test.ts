import { expect, test } from "vitest";
import { ago, bytes, count, counted, endpoint, shown, span, utc } from "./format";

test("bytes have three digits and never read 1000", () => {
  expect(bytes(0)).toBe("0 B");
  expect(bytes(999)).toBe("999 B");
  expect(bytes(1000)).toBe("1.0 kB");
  expect(bytes(77_210)).toBe("77.2 kB");
  expect(bytes(999_949)).toBe("1.0 MB");
  expect(bytes(123_456_789)).toBe("123 MB");
  expect(bytes(9e15)).toBe("9000 TB");
});

test("counts are grouped and agree with their noun", () => {
  expect(count(1_234_567)).toBe("1,234,567");
  expect(counted(1, "device", "devices")).toBe("1 device");
  expect(counted(0, "device", "devices")).toBe("0 devices");
});

test("how long ago is told in one unit, both ways", () => {
  const now = Date.parse("2026-11-28T12:00:00Z");
  expect(ago("2026-11-28T11:59:58Z", now)).toBe("now");
  expect(ago("2026-11-28T11:59:10Z", now)).toBe("50 s ago");
  expect(ago("2026-11-28T11:00:00Z", now)).toBe("1 h ago");
  expect(ago("2026-11-21T12:00:00Z", now)).toBe("7 d ago");
  expect(ago("2024-11-21T12:00:00Z", now)).toBe("2 y ago");
  expect(ago("2026-12-01T12:00:00Z", now)).toBe("in 3 d");
  expect(ago("never", now)).toBe("never");
});

test("a span is told in its two greatest units", () => {
  expect(span("2026-11-28T12:00:00Z", "2026-11-28T12:03:20Z")).toBe("3 min 20 s");
  expect(span("2026-11-28T12:00:00Z", "2026-11-28T12:00:00Z")).toBe("0 s");
  expect(span("2026-11-26T10:00:00Z", "2026-11-28T12:03:20Z")).toBe("2 d 2 h");
  expect(span("2026-11-28T12:00:00Z", "2026-11-28T11:00:00Z")).toBe("0 s");
});

test("nanoseconds of the API are read", () => {
  expect(utc("2026-11-28T12:00:01.123456789Z")).toBe("2026-11-28 12:00:01 UTC");
});

test("what cannot be seen on the wire's text is made visible", () => {
  expect(shown("monitor\u202egpj.exe")).toBe("monitor[U+202E]gpj.exe");
  expect(shown("a\u0000b\nc\u200bd")).toBe("a[U+0000]b[U+000A]c[U+200B]d");
  expect(shown("Intensivstation Ö <b>3</b>")).toBe("Intensivstation Ö <b>3</b>");
  expect([...shown("x".repeat(10_000))]).toHaveLength(401);
});

test("endpoints are written so that they can be read back", () => {
  expect(endpoint("10.0.0.1", 515)).toBe("10.0.0.1:515");
  expect(endpoint("fe80::1", 80)).toBe("[fe80::1]:80");
  expect(endpoint("10.0.0.1", null)).toBe("10.0.0.1");
});
