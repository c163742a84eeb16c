import { expect, test } from "vitest";
import { EventReader } from "./events";

const STREAM = ": alive\n\nid: 7\nevent: import\ndata: {\"seq\":7}\n\nid: 8\ndata: a\ndata: b\n\n";
const EVENTS = [{ id: "7", data: '{"seq":7}' }, { id: "8", data: "a\nb" }];

test("events come out of a stream, comments do not", () => {
  expect(new EventReader().read(STREAM)).toEqual(EVENTS);
});

test("wherever the stream is cut, the events are the same", () => {
  for (const stream of [STREAM, STREAM.replaceAll("\n", "\r\n")]) {
    for (let cut = 0; cut <= stream.length; cut++) {
      const reader = new EventReader();
      expect([...reader.read(stream.slice(0, cut)), ...reader.read(stream.slice(cut))], `cut at ${cut}`).toEqual(EVENTS);
    }
  }
});

test("a stream without an end of event does not grow for ever", () => {
  const reader = new EventReader();
  for (let round = 0; round < 40; round++) expect(reader.read("x".repeat(100_000))).toEqual([]);
  expect(reader.read(`\n\n${STREAM}`)).toEqual(EVENTS);
});
