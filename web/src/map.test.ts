import { expect, test } from "vitest";
import { BOX_HEIGHT, draw, lineWidth, moment } from "./map";

const zone = (id: string) => ({ id, name: id, assets: 1, medical: 1, open_findings: 0 });
const peer = (id: string, where: string) => ({ id, name: id, where, addresses: 1 });
const link = (zone: string, peer: string) => ({ zone, peer, assets: 1, flows: 1, bytes_out: 1000, bytes_in: 0, first: "", last: "" });
const words = { zones: "Here", places: { onsite: "On site", offsite: "Off site" } };

test("those off site stand apart, below those on site, whatever the order", () => {
  const map = { zones: [zone("a"), zone("b")], peers: [peer("x", "offsite"), peer("y", "onsite")], links: [link("a", "x"), link("b", "y")], left_out: 0 };
  const drawing = draw(map, words);
  expect(drawing.headings.map((heading) => heading.text)).toEqual(["Here", "On site", "Off site"]);
  const at = (id: string) => drawing.peers.find((box) => box.of.id === id)?.y ?? 0;
  expect(at("x")).toBeGreaterThan(at("y") + BOX_HEIGHT);
  expect(drawing.lines.map((line) => line.where)).toEqual(["offsite", "onsite"]);
});

test("a line to what is not drawn is left out", () => {
  const drawing = draw({ zones: [zone("a")], peers: [], links: [link("a", "gone")], left_out: 0 }, words);
  expect(drawing.lines).toEqual([]);
  expect(drawing.height).toBeGreaterThan(0);
});

test("lines grow with what they carry, and no further than they may", () => {
  expect(lineWidth(0)).toBe(1.5);
  expect(lineWidth(1e6)).toBeGreaterThan(lineWidth(1e3));
  expect(lineWidth(1e30)).toBe(9);
});

test("the slider goes from the first moment to the last", () => {
  expect(moment("2026-01-01T00:00:00Z", "2026-01-11T00:00:00Z", 0, 100)).toBe("2026-01-01T00:00:00.000Z");
  expect(moment("2026-01-01T00:00:00Z", "2026-01-11T00:00:00Z", 100, 100)).toBe("2026-01-11T00:00:00.000Z");
  expect(moment("2026-01-01T00:00:00Z", "2026-01-11T00:00:00Z", 50, 100)).toBe("2026-01-06T00:00:00.000Z");
});
