import { expect, test } from "vitest";
import { health, standing } from "./sensors";

const sensor = { name: "eth1", period: "live:eth1", at: "2026-11-28T12:00:00Z", ended: null, health: {}, blind_spots: [] };
const now = Date.parse("2026-11-28T12:00:30Z");

test("a sensor that stopped writing is silent, one that ended in order is not", () => {
  expect(standing(sensor, now)).toBe("listening");
  expect(standing(sensor, now + 600_000)).toBe("silent");
  expect(standing({ ...sensor, ended: "2026-11-28T12:00:00Z" }, now + 600_000)).toBe("ended");
  expect(standing({ ...sensor, health: { standing: "down" } }, now)).toBe("down");
});

test("numbers have their unit, and what was lost is known", () => {
  expect(health({ ...sensor, health: { interface: "eth1", frames: 5, frames_lost: 1, bytes: 9, ring_bytes: 8, lag_seconds: 0.1 } })).toEqual([
    { name: "frames", value: 5, unit: "count", loss: false },
    { name: "frames_lost", value: 1, unit: "count", loss: true },
    { name: "bytes", value: 9, unit: "bytes", loss: false },
    { name: "ring_bytes", value: 8, unit: "bytes", loss: false },
    { name: "lag_seconds", value: 0.1, unit: "seconds", loss: false },
  ]);
});
