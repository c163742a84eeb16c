/** Details of findings and of the log, as text. They come from the wire: never markup, never trusted. */
import { count, local, shown, spaced } from "./format";
import { words } from "./words";

/** Whole numbers beyond this are moments in nanoseconds since 1970, from 2001 on. Nothing else that is told is so great. */
const MOMENT_NS_MIN = 1e18;

/** One detail, of whatever form. */
export function detailText(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number" && value > MOMENT_NS_MIN) return local(new Date(value / 1e6).toISOString());
  if (typeof value === "number") return Number.isInteger(value) ? count(value) : String(value);
  if (typeof value === "boolean") return value ? words.yes : words.no;
  if (typeof value === "string") return shown(value);
  if (Array.isArray(value)) return value.map(detailText).join(", ");
  return Object.entries(value as Record<string, unknown>)
    .map(([name, inner]) => [name, detailText(inner)] as const)
    .filter(([, text]) => text !== "")
    .map(([name, text]) => `${shown(spaced(name))}: ${text}`)
    .join("; ");
}
