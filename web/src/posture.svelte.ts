/** How the site stands, in one number: for the navigation and the title of the browser's tab. */
import { Asked } from "./api/asked.svelte";
import { session } from "./api/session.svelte";
import type { Overview, SettingsRow, Severity } from "./api/shapes";

const WORST: readonly Severity[] = ["critical", "high", "medium", "low"];

/** All that are open, in the colour of the worst; none where nothing is open. */
export function worst(open: Readonly<Record<Severity, number>>): { severity: Severity; open: number } | undefined {
  const severity = WORST.find((severity) => open[severity] > 0);
  return severity && { severity, open: WORST.reduce((sum, severity) => sum + open[severity], 0) };
}

class Posture {
  #overview = $state.raw<Asked<Overview>>();
  #settings = $state.raw<Asked<SettingsRow>>();
  worst = $derived.by(() => {
    const overview = this.#overview?.answer;
    return overview && worst(overview.open);
  });
  /** What the site calls itself. */
  site = $derived(this.#settings?.answer?.site_name ?? "");

  /** To be called while the frame is set up. A failure is said by the page, which asks as well. */
  follow(): void {
    const inside = (path: string) => (session.state === "in" ? path : undefined);
    this.#overview = new Asked(() => inside("/api/v1/overview"));
    this.#settings = new Asked(() => inside("/api/v1/settings"));
  }
}

export const posture = new Posture();
