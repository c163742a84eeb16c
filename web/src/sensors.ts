/** How a sensor does, told from what it wrote last. */
import type { SensorRow } from "./api/shapes";

/** A sensor that runs writes every five minutes at least; twice that, and a little for its writer, is too long. */
const SILENT_SECONDS_MAX = 660;

/** `silent` wins over what it said of itself when it still wrote. */
export type Standing = "well" | "losing" | "down" | "silent" | "ended";

export function standing(sensor: SensorRow): Standing {
  if (sensor.ended) return "ended";
  if (sensor.silent_seconds > SILENT_SECONDS_MAX) return "silent";
  if (sensor.standing !== "up") return "down";
  return lost(sensor) > 0 ? "losing" : "well";
}

/** Frames that passed it and were not read, as far as they are counted. */
export function lost(sensor: SensorRow): number {
  return (sensor.frames_lost ?? 0) + (sensor.interface_overrun ?? 0);
}

/** Share of frames lost, in percent; none where nothing passed. */
export function lossPercent(sensor: SensorRow): number | undefined {
  const all = (sensor.frames ?? 0) + lost(sensor);
  return all ? (100 * lost(sensor)) / all : undefined;
}
