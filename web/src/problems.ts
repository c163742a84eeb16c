import type { Problem } from "./api/call";
import { words } from "./words";

/** What went wrong, and what to do, for people. */
export function problemText(problem: Problem): { title: string; text: string } {
  const known = words.problems[problem.code as keyof typeof words.problems];
  if (known) return { title: known.title, text: problem.detail && problem.code !== "unreachable" ? problem.detail : known.text };
  return { title: problem.title || words.problems.fault.title, text: problem.detail || words.problems.fault.text };
}
