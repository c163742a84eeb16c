/** How sensors do, read from what they wrote last. */
import type { SensorRow } from "./api/shapes";

/** A sensor that wrote nothing for so long was killed, or its machine is off. */
const SILENT_MS = 180_000;

export type Standing = "listening" | "down" | "silent" | "ended";

export function standing(sensor: SensorRow, now: number): Standing {
  if (sensor.ended) return "ended";
  if (now - Date.parse(sensor.at) > SILENT_MS) return "silent";
  return sensor.health.standing === "down" || sensor.health.standing === "gone" ? "down" : "listening";
}

export interface Measure {
  name: string;
  value: number;
  unit: "bytes" | "seconds" | "count";
  /** Whether it counts what was lost. */
  loss: boolean;
}

const LOSSES = ["frames_lost", "interface_overrun", "backlog_dropped", "ring_full"];

/** The numbers of a sensor, in its own order. */
export function health(sensor: SensorRow): Measure[] {
  return Object.entries(sensor.health).flatMap(([name, value]): Measure[] => {
    if (typeof value !== "number") return [];
    const unit = name === "bytes" || name.endsWith("_bytes") ? "bytes" : name.endsWith("_seconds") ? "seconds" : "count";
    return [{ name, value, unit, loss: LOSSES.includes(name) }];
  });
}
