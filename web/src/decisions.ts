/** Decisions about findings, each with its undo. */
import { call, asProblem } from "./api/call";
import { live } from "./api/live.svelte";
import { problemText } from "./problems";
import { toasts } from "./toasts.svelte";
import { words } from "./words";

export type Decision = "acknowledge" | "resolve" | "false-positive" | "suppress" | "reopen";

/** Those that ask for a reason first. */
export const WITH_REASON: readonly Decision[] = ["false-positive", "suppress"];

/** Decides; whether it was done. What went wrong is told. */
export async function decide(findings: readonly string[], decision: Decision, more: { note?: string; until?: string } = {}): Promise<boolean> {
  try {
    const { undo } = await call<{ undo: number[] }>("POST", "/api/v1/findings/decide", { findings, decision, ...more });
    toasts.done(words.findings.decided[decision](findings.length), async () => {
      await call("POST", "/api/v1/findings/undo", { undo });
      live.changes++;
    });
    live.changes++;
    return true;
  } catch (thrown) {
    const said = problemText(asProblem(thrown));
    toasts.problem(`${said.title}. ${said.text}`);
    return false;
  }
}
