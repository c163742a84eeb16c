/** How a receiver of findings does. */
import type { OutputRow } from "./api/shapes";

export type OutputState = "fine" | "waiting" | "failing" | "idle" | "gone";

/** One that failed since it last took something is failing, whatever waits; one that no file names gets nothing any more. */
export function outputState(output: OutputRow): OutputState {
  if (output.kind == null) return "gone";
  if (output.failed_at) return "failing";
  if (output.waiting > 0) return "waiting";
  return output.delivered > 0 ? "fine" : "idle";
}
