/** What `lazaret.live/1` says of a bed, as JSON (docs/spec/live-1.md). */

export interface Numeric {
  value: number;
  unit: string;
  validity: "valid" | "invalid" | "unknown";
  time_ms: number;
}

export interface Limit {
  low: number;
  high: number;
  alarm: "on" | "off" | "unknown";
}

export interface Against {
  check: string;
  verdict: "suspect" | "fail";
  why: string;
  vital?: string;
  channel?: string;
}

export type Verdict = "pass" | "cannot-judge" | "suspect" | "fail";

export interface Notice {
  time_ms: number;
  code: number;
  text: string;
}

export interface BedNow {
  kind: "bed";
  key: number;
  /** Its name for links, once its device is known: the same after a new start. */
  id: string | null;
  bed: number | null;
  /** Keyed hash of the patient, where one is made: never a name. */
  patient: string | null;
  asset: string | null;
  time_ms: number;
  cycle_ms: number | null;
  numerics: Record<string, Numeric>;
  limits: Record<string, Limit>;
  alarm: string;
  integrity: { verdict: Verdict; against: Against[]; own: Record<string, number> };
  notices: Notice[];
  gaps: number;
}

export interface Hello {
  kind: "hello";
  schema: string;
  origin: { kind: string; name: string; speed: number } | null;
  beds: BedNow[];
  beds_unshown: number;
}

export type Told = Hello | BedNow | { kind: "gone"; key: number } | { kind: "skipped"; messages: number };

export interface Strip {
  time_ms: number;
  check: string;
  why: string;
  channel: string;
  rate_hz: number;
  samples: number[];
}

export interface BedDetail {
  now: BedNow;
  times_ms: number[];
  shown: Record<string, (number | null)[]>;
  own: Record<string, (number | null)[]>;
  limit_changes: (Limit & { time_ms: number; vital: string })[];
  notices: Notice[];
  strips: Strip[];
}

/** Reads a text message; none where it says nothing that is known. */
export function told(message: string): Told | undefined {
  let value: unknown;
  try {
    value = JSON.parse(message);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || !("kind" in value)) return undefined;
  const kind = (value as { kind: unknown }).kind;
  if (kind === "hello" && (value as Hello).schema !== "lazaret.live/1") return undefined;
  return kind === "hello" || kind === "bed" || kind === "gone" || kind === "skipped" ? (value as Told) : undefined;
}
