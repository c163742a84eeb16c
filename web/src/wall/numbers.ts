/** Which numbers a tile shows, in which colours, and how. */
import type { BedNow, Numeric } from "./live";

/** Parameters with a colour of their own. */
export const groups = ["heart", "oxygen", "breath", "pressure", "temperature"] as const;
export type Group = (typeof groups)[number];
export type Colours = Readonly<Record<Group, string>>;

/** Sets of colours to choose from. The first is what monitors mostly use. */
export const colourSets: Readonly<Record<string, Colours>> = {
  usual: { heart: "#4ade80", oxygen: "#38d6f5", breath: "#facc15", pressure: "#f4f4f5", temperature: "#f0abfc" },
  // Okabe and Ito's, which people with any colour vision can tell apart.
  distinct: { heart: "#009e73", oxygen: "#56b4e9", breath: "#f0e442", pressure: "#ffffff", temperature: "#e69f00" },
  plain: { heart: "#ffffff", oxygen: "#ffffff", breath: "#ffffff", pressure: "#ffffff", temperature: "#ffffff" },
};

const form = /^#[0-9a-f]{6}$/i;

/** Colours as they were stored; what is not one is as usual. */
export function readColours(stored: unknown): Colours {
  const usual = colourSets.usual!;
  if (typeof stored !== "object" || stored === null) return usual;
  const given = stored as Record<string, unknown>;
  const colour = (group: Group): string => {
    const value = given[group];
    return typeof value === "string" && form.test(value) ? value : usual[group];
  };
  return Object.fromEntries(groups.map((group) => [group, colour(group)])) as Colours;
}

/** Digits after the point. */
function digits(vital: string): number {
  return vital.startsWith("temperature") ? 1 : vital.startsWith("st-") ? 2 : 0;
}

/** A number as text; dashes for none, and for one that the device marks invalid. */
export function text(vital: string, numeric: Numeric | undefined): string {
  return numeric && numeric.validity === "valid" ? numeric.value.toFixed(digits(vital)) : "–";
}

/** A rate that the waveform gives, where the shown number is contradicted by it. */
export function contradicted(bed: BedNow, vital: string): { own: number | undefined; why: string } | undefined {
  const against = bed.integrity.against.find((one) => one.verdict === "fail" && one.vital === vital);
  if (!against) return undefined;
  return { own: bed.integrity.own[vital], why: against.why };
}

/** Limits as monitors write them, high over low; and whether the alarm is off. */
export function limits(bed: BedNow, vital: string): { high: string; low: string; off: boolean } | undefined {
  const limit = bed.limits[vital];
  if (!limit) return undefined;
  return { high: limit.high.toFixed(digits(vital)), low: limit.low.toFixed(digits(vital)), off: limit.alarm === "off" };
}

/** Whether a shown number lies outside the device's own limits. This is no alarm: it says what the numbers are. */
export function outside(bed: BedNow, vital: string): boolean {
  const [limit, numeric] = [bed.limits[vital], bed.numerics[vital]];
  if (!limit || !numeric || numeric.validity !== "valid") return false;
  return numeric.value > limit.high || numeric.value < limit.low;
}
