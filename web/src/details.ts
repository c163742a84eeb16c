/** Details of findings and of the log, as text. They come from the wire: never markup, never trusted. */
import { count, shown, spaced } from "./format";
import { words } from "./words";

/** One detail, of whatever form. */
export function detailText(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return Number.isInteger(value) ? count(value) : String(value);
  if (typeof value === "boolean") return value ? words.yes : words.no;
  if (typeof value === "string") return shown(value);
  if (Array.isArray(value)) return value.map(detailText).join(", ");
  return Object.entries(value as Record<string, unknown>)
    .filter(([, inner]) => inner !== null && inner !== "")
    .map(([name, inner]) => `${shown(spaced(name))}: ${detailText(inner)}`)
    .join("; ");
}
