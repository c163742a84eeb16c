/** What a tile says in a line: the newest notice while it is new, or what speaks against the bed. */
import type { BedNow } from "./live";

/** A notice is shown for so long, in ms of the ward's time. */
const noticeMs = 60_000;

/** The newest notice that is still new, else the first reason of a check that fails. */
export function noticeFor(bed: BedNow, speed: number): { text: string } | undefined {
  const failing = bed.integrity.against.find((one) => one.verdict === "fail");
  if (failing) return { text: failing.why };
  const newest = bed.notices.at(-1);
  if (newest && bed.time_ms - newest.time_ms < noticeMs * Math.max(1, speed)) return { text: newest.text };
  return undefined;
}
