import { describe, expect, test } from "vitest";
import { decode, type Block } from "./decode";
import { inOrder, layout, usualCapacity } from "./layout";
import { told, type BedNow } from "./live";
import { colourSets, contradicted, limits, outside, readColours, text } from "./numbers";
import { noticeFor } from "./standing";
import { stripPath, stripSize } from "./strip";
import { columnsDue, fitScale, pixelsPerSecond, stretches, yOf } from "./sweep";
import { Trace } from "./trace";
import { Track } from "./track";
import { trendData, trendNames } from "./trend";
import { Ward } from "./ward";

/** A message as the server writes it. */
function message(key: number, blocks: { code: number; first: number; rate: number; codes: number[] }[], version = 1): ArrayBuffer {
  const bytes = new Uint8Array(16 + blocks.reduce((sum, block) => sum + 12 + block.codes.length, 0));
  const view = new DataView(bytes.buffer);
  view.setUint8(0, version);
  view.setUint8(1, 1);
  view.setUint16(2, blocks.length, true);
  view.setUint32(4, key, true);
  view.setBigInt64(8, 1_790_000_000_123_000_000n, true);
  let at = 16;
  for (const block of blocks) {
    view.setUint8(at, block.code);
    view.setUint16(at + 2, block.codes.length, true);
    view.setUint32(at + 4, block.first, true);
    view.setFloat32(at + 8, block.rate, true);
    bytes.set(block.codes, at + 12);
    at += 12 + block.codes.length;
  }
  return bytes.buffer;
}

const bed = (parts: Partial<BedNow>): BedNow => ({
  kind: "bed", key: 1, id: "b-1-7", bed: 7, patient: null, asset: null, time_ms: 100_000, cycle_ms: 1000, numerics: {}, limits: {}, alarm: "not-sent",
  integrity: { verdict: "pass", against: [], own: {} }, notices: [], gaps: 0, ...parts,
});
const numeric = (value: number, validity: "valid" | "invalid" = "valid") => ({ value, unit: "/min", validity, time_ms: 0 });

describe("messages of samples", () => {
  test("are read as they were written", () => {
    const read = decode(message(3, [{ code: 2, first: 4_000_000_000, rate: 256, codes: [1, 2, 3] }, { code: 5, first: 7, rate: 128, codes: [9] }]));
    expect(read?.key).toBe(3);
    expect(read?.timeMs).toBe(1_790_000_000_123);
    expect(read?.blocks.map((block: Block) => [block.channel, block.first, block.rate, [...block.codes]])).toEqual([["ecg-2", 4_000_000_000, 256, [1, 2, 3]], ["respiration", 7, 128, [9]]]);
  });
  test("are refused whole where they are cut, too long or of another version", () => {
    const whole = message(3, [{ code: 1, first: 0, rate: 256, codes: [1, 2, 3] }]);
    for (let length = 0; length < whole.byteLength; length++) expect(decode(whole.slice(0, length)), String(length)).toBeUndefined();
    const longer = new Uint8Array(whole.byteLength + 1);
    longer.set(new Uint8Array(whole));
    expect(decode(longer.buffer)).toBeUndefined();
    expect(decode(message(3, [], 2))).toBeUndefined();
    expect(decode(message(3, [{ code: 9, first: 0, rate: 1, codes: [1] }]))?.blocks).toEqual([]);
    expect(decode(message(3, [{ code: 1, first: 0, rate: Number.NaN, codes: [1] }]))?.blocks).toEqual([]);
  });
  test("of text are read where their kind is known", () => {
    expect(told("{")).toBeUndefined();
    expect(told("null")).toBeUndefined();
    expect(told('{"kind":"other"}')).toBeUndefined();
    expect(told('{"kind":"hello","schema":"lazaret.live/2","beds":[]}')).toBeUndefined();
    expect(told('{"kind":"gone","key":3}')).toEqual({ kind: "gone", key: 3 });
  });
});

describe("a track", () => {
  const track = (codes: number[], rate = 4): Track => {
    const made = new Track();
    made.push(0, Uint8Array.from(codes));
    made.setRate(rate);
    made.align(codes.length / rate);
    return made;
  };
  test("loses no peak, however narrow, and tells where the line enters and leaves", () => {
    const made = track([10, 10, 10, 200, 10, 5, 10, 10, 10]);
    expect(made.column(0, 1)).toEqual({ first: 10, last: 10, min: 10, max: 200, minFirst: true });
    expect(made.column(0.5, 1.5)).toMatchObject({ min: 5, max: 200, minFirst: false });
  });
  test("is continuous where a column holds no sample", () => {
    const made = track([0, 100], 1);
    const [one, other] = [made.column(0.1, 0.2), made.column(0.2, 0.3)];
    expect(one?.last).toBeCloseTo(20);
    expect(other?.first).toBeCloseTo(20);
  });
  test("lifts the pen over a gap and passes over what it has", () => {
    const made = track([1, 2, 3, 4]);
    made.push(2, Uint8Array.from([3, 4, 5]));
    expect(made.head).toBe(5);
    made.push(9, Uint8Array.from([9, 9]));
    expect(made.column(0.75, 1)).toBeDefined();
    expect(made.column(1, 1.25)).toBeUndefined();
  });
  test("counts on over the wrap of numbers", () => {
    const made = new Track();
    made.setRate(4);
    made.push(0xffff_fffe, Uint8Array.from([1, 2]));
    made.push(0, Uint8Array.from([3, 4]));
    expect(made.column(0, 0.75)).toMatchObject({ min: 1, max: 4 });
  });
  test("has nothing beyond its ends", () => {
    const made = track([1, 2, 3, 4]);
    expect(made.column(-1, 0)).toBeUndefined();
    expect(made.column(0.5, 2)).toBeUndefined();
    expect(new Track().column(0, 1)).toBeUndefined();
    expect(new Track().range(8)).toBeUndefined();
  });
  test("holds a bounded past", () => {
    const made = new Track();
    made.setRate(1000);
    for (let block = 0; block < 100; block++) made.push(block * 1000, new Uint8Array(1000));
    expect(made.end - made.start).toBeLessThan(33);
    expect(made.column(1, 1.01)).toBeUndefined();
    expect(made.column(98, 98.01)).toBeDefined();
  });
});

describe("a trace", () => {
  const second = (at: number, rate = 256) => ({
    key: 1, timeMs: at * 1000,
    blocks: [{ channel: "ecg-1" as const, first: at * rate, rate, codes: new Uint8Array(rate) }, { channel: "respiration" as const, first: (at * rate) / 2, rate: rate / 2, codes: new Uint8Array(rate / 2) }],
  });
  test("draws at the pace of the samples and comes to have some left", () => {
    const trace = new Trace();
    let [least, frame] = [Infinity, 0];
    for (let at = 0; at < 60; at++) {
      trace.push(second(at));
      for (let part = 0; part < 50; part++, frame++) {
        trace.advance(0.02);
        if (at > 40) least = Math.min(least, trace.end - trace.play);
      }
    }
    expect(least).toBeGreaterThan(0.08);
    expect(least).toBeLessThan(0.3);
    expect(trace.end).toBeCloseTo(60, 1);
  });
  test("draws the first sample as soon as it is there", () => {
    const trace = new Trace();
    trace.push(second(0));
    trace.advance(0.016);
    expect(trace.play).toBeGreaterThan(0.01);
  });
  test("jumps where a page was hidden, and stops where there is nothing", () => {
    const trace = new Trace();
    for (let at = 0; at < 20; at++) trace.push(second(at));
    expect(trace.end - trace.play).toBeLessThan(4.6);
    trace.advance(100);
    expect(trace.play).toBe(trace.end);
    expect(trace.playing).toBe(false);
  });
  test("keeps channels together that lost different numbers of samples", () => {
    const trace = new Trace();
    trace.push(second(0));
    const next = second(9);
    next.blocks[1]!.codes = new Uint8Array(0);
    trace.push(next);
    trace.push(second(10));
    expect(trace.tracks["ecg-1"].end).toBeCloseTo(trace.tracks.respiration.end, 3);
  });
});

describe("sweeping", () => {
  test("is 25 mm a second in the screen's own pixels", () => {
    expect(pixelsPerSecond(1)).toBeCloseTo(94.488, 2);
    expect(pixelsPerSecond(2)).toBeCloseTo(188.976, 2);
  });
  test("draws each column once, and no more than one round", () => {
    expect(columnsDue(10, 0.2, 100, 300)).toEqual({ from: 10, to: 20 });
    expect(columnsDue(20, 0.2, 100, 300)).toEqual({ from: 20, to: 20 });
    expect(columnsDue(0, 10, 100, 300)).toEqual({ from: 700, to: 1000 });
  });
  test("erases round the edge", () => {
    expect(stretches(10, 5, 100)).toEqual([{ x: 10, width: 5 }]);
    expect(stretches(98, 5, 100)).toEqual([{ x: 98, width: 2 }, { x: 0, width: 3 }]);
    expect(stretches(250, 5, 100)).toEqual([{ x: 50, width: 5 }]);
    expect(stretches(3, 400, 100)).toEqual([{ x: 0, width: 100 }]);
    expect(stretches(3, 0, 100)).toEqual([]);
  });
  test("keeps its scale until the signal leaves it", () => {
    const scale = fitScale(undefined, { min: 100, max: 180 })!;
    expect(fitScale(scale, { min: 102, max: 175 })).toBe(scale);
    expect(fitScale(scale, { min: 20, max: 175 })).not.toBe(scale);
    expect(fitScale(scale, { min: 130, max: 131 })!.high).toBeLessThan(scale.high);
    expect(fitScale(scale, undefined)).toBe(scale);
    expect(yOf(255, scale, 10, 50)).toBe(10);
    expect(yOf(0, scale, 10, 50)).toBe(60);
  });
});

describe("the layout", () => {
  test("has 16 beds on full HD, 32 on 4K, 64 in pages", () => {
    expect(usualCapacity(1920, 1000, 1)).toBe(16);
    expect(usualCapacity(3840, 2080, 1)).toBe(32);
    expect(usualCapacity(1920, 1040, 2)).toBe(32);
    expect(layout(1920, 1000, 16, 16)).toMatchObject({ columns: 4, rows: 4, capacity: 16, pages: 1 });
    expect(layout(1920, 1000, 64, 16)).toMatchObject({ capacity: 16, pages: 4 });
    const four = layout(3840, 2080, 32, 32);
    expect(four.columns * four.rows).toBeGreaterThanOrEqual(32);
    expect(four.pages).toBe(1);
  });
  test("never makes a tile too small to be read", () => {
    for (const [width, height] of [[360, 640], [1366, 700], [200, 100], [0, 0]] as const) {
      for (const beds of [0, 1, 5, 64]) {
        const laid = layout(width, height, beds, 64);
        expect(laid.columns * laid.rows).toBeGreaterThanOrEqual(laid.capacity);
        expect(laid.pages * laid.capacity).toBeGreaterThanOrEqual(beds);
        if (laid.columns > 1) expect(width / laid.columns).toBeGreaterThanOrEqual(180);
      }
    }
  });
  test("goes by bed, those without a number last", () => {
    const order = inOrder([{ bed: null, key: 1 }, { bed: 9, key: 4 }, { bed: 2, key: 7 }, { bed: 2, key: 3 }]);
    expect(order.map((one) => one.key)).toEqual([3, 7, 4, 1]);
  });
});

describe("numbers", () => {
  test("are shown only where the device stands by them", () => {
    expect(text("heart-rate", numeric(78.4))).toBe("78");
    expect(text("temperature-1", { ...numeric(36.64), unit: "Cel" })).toBe("36.6");
    expect(text("heart-rate", numeric(78, "invalid"))).toBe("–");
    expect(text("heart-rate", undefined)).toBe("–");
  });
  test("are contradicted only by a check that fails and speaks of them", () => {
    const against = { check: "numeric-waveform-disagree", verdict: "fail" as const, why: "w", vital: "heart-rate" };
    const lying = bed({ integrity: { verdict: "fail", against: [against], own: { "heart-rate": 78 } } });
    expect(contradicted(lying, "heart-rate")).toEqual({ own: 78, why: "w" });
    expect(contradicted(lying, "pulse-rate")).toBeUndefined();
    const suspect = bed({ integrity: { verdict: "suspect", against: [{ ...against, verdict: "suspect" }], own: { "heart-rate": 78 } } });
    expect(contradicted(suspect, "heart-rate")).toBeUndefined();
  });
  test("have the device's limits beside them", () => {
    const one = bed({ limits: { "heart-rate": { low: 50, high: 120, alarm: "off" } }, numerics: { "heart-rate": numeric(130) } });
    expect(limits(one, "heart-rate")).toEqual({ low: "50", high: "120", off: true });
    expect(limits(one, "spo2")).toBeUndefined();
    expect(outside(one, "heart-rate")).toBe(true);
    expect(outside(bed({ ...one, numerics: { "heart-rate": numeric(130, "invalid") } }), "heart-rate")).toBe(false);
  });
  test("have colours that were stored, where they are colours", () => {
    expect(readColours({ heart: "#112233", oxygen: "red; x", breath: 5 })).toEqual({ ...colourSets.usual, heart: "#112233" });
    expect(readColours(null)).toEqual(colourSets.usual);
  });
  test("a notice is shown while it is new", () => {
    const notices = [{ time_ms: 50_000, code: 1, text: "SPO2 SENSOR OFF" }];
    expect(noticeFor(bed({ notices }), 1)?.text).toBe("SPO2 SENSOR OFF");
    expect(noticeFor(bed({ notices, time_ms: 200_000 }), 1)).toBeUndefined();
  });
});

describe("the ward", () => {
  const hello = (beds: BedNow[]) => ({ kind: "hello" as const, schema: "lazaret.live/1", origin: { kind: "demo", name: "", speed: 1 }, beds, beds_unshown: 0 });
  test("greets with the age of what it has", () => {
    const ward = new Ward();
    expect(ward.tell(hello([bed({ key: 1, time_ms: 100_000 }), bed({ key: 2, time_ms: 92_000 })]), 5000)).toBe(true);
    expect(ward.places.get(1)?.arrived).toBe(5000);
    expect(ward.places.get(2)?.arrived).toBe(-3000);
  });
  test("keeps the waveforms over a new connection, and forgets beds that are gone", () => {
    const ward = new Ward();
    ward.tell(hello([bed({ key: 1 }), bed({ key: 2 })]), 0);
    const trace = ward.places.get(1)?.trace;
    expect(ward.tell(bed({ key: 1, time_ms: 101_000 }), 1000)).toBe(false);
    ward.tell(hello([bed({ key: 1 })]), 2000);
    expect(ward.places.get(1)?.trace).toBe(trace);
    expect([...ward.places.keys()]).toEqual([1]);
    expect(ward.tell({ kind: "gone", key: 1 }, 0)).toBe(true);
    ward.tell({ kind: "skipped", messages: 7 }, 0);
    expect(ward.skipped).toBe(7);
  });
});

describe("the bed's page", () => {
  test("draws a strip through every sample, at 25 mm/s", () => {
    const strip = { time_ms: 0, check: "c", why: "w", channel: "ecg-1", rate_hz: 2, samples: [0, 255, 0, 255] };
    const size = stripSize(strip);
    expect(size.width).toBe(189);
    expect(stripPath(strip, size).match(/[ML]/g)).toHaveLength(4);
    expect(stripPath({ ...strip, rate_hz: 0 }, size)).toBe("");
  });
  test("has a line for each number, and its waveform's own", () => {
    const detail = { now: bed({}), times_ms: [1000, 2000], shown: { "heart-rate": [80, null] }, own: { "heart-rate": [60, 61] }, limit_changes: [], notices: [], strips: [] };
    const names = trendNames(detail, ["heart-rate", "spo2"]);
    expect(names.map((one) => one.own)).toEqual([false, true]);
    expect(trendData(detail, names)).toEqual([[1, 2], [80, null], [60, 61]]);
  });
});
