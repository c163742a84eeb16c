/** Numbers of a bed as lines over time. */
import type { BedDetail } from "./live";
import { wall } from "./words";

export interface Line {
  vital: string;
  /** Whether it is the waveform's own. */
  own: boolean;
  label: string;
}

/** The lines there are for `vitals`: as shown, and as the waveforms give them where they were compared. */
export function trendNames(detail: BedDetail, vitals: readonly string[]): Line[] {
  const label = (vital: string): string => wall.vitals[vital]?.long ?? vital;
  return vitals.flatMap((vital) => [
    ...(detail.shown[vital] ? [{ vital, own: false, label: label(vital) }] : []),
    ...(detail.own[vital] ? [{ vital, own: true, label: wall.detail.own(label(vital)) }] : []),
  ]);
}

/** Times in seconds, then one row for each line. */
export function trendData(detail: BedDetail, lines: readonly Line[]): [number[], ...(number | null)[][]] {
  const rows = lines.map((line) => (line.own ? detail.own : detail.shown)[line.vital] ?? []);
  return [detail.times_ms.map((ms) => ms / 1000), ...rows];
}
