import { describe, expect, it } from "vitest";
import type { SensorRow } from "./api/shapes";
import { lossPercent, lost, standing } from "./sensors";

const sensor = (row: Partial<SensorRow> = {}): SensorRow => ({ name: "eth1", period: "p", at: "2026-11-28T12:00:00Z", silent_seconds: 12, standing: "up", frames: 990, blind_spots: [], ...row });

describe("how a sensor does", () => {
  it("is well while it writes, hears and loses nothing", () => {
    expect(standing(sensor())).toBe("well");
    expect(standing(sensor({ silent_seconds: 300 }))).toBe("well");
  });
  it("is silent when it has not written for two of its turns, whatever it said before", () => {
    expect(standing(sensor({ silent_seconds: 700 }))).toBe("silent");
    expect(standing(sensor({ silent_seconds: 700, standing: "down" }))).toBe("silent");
  });
  it("is down where its interface is, or it does not say", () => {
    expect(standing(sensor({ standing: "down" }))).toBe("down");
    expect(standing(sensor({ standing: null }))).toBe("down");
  });
  it("ended in order is no alarm, however long ago", () => {
    expect(standing(sensor({ ended: "2026-11-28T12:00:00Z", silent_seconds: 99_999, standing: "ended" }))).toBe("ended");
  });
  it("loses where the ring or the card does; what other programs lost is not its own", () => {
    const losing = sensor({ frames_lost: 8, interface_overrun: 2, backlog_dropped: 500 });
    expect(standing(losing)).toBe("losing");
    expect(lost(losing)).toBe(10);
    expect(lossPercent(losing)).toBeCloseTo(1);
    expect(lossPercent(sensor({ frames: 0 }))).toBeUndefined();
  });
});
