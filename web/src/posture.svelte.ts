/** How the site stands, in one number: for the navigation and the title of the browser's tab. */
import { call } from "./api/call";
import { live } from "./api/live.svelte";
import { session } from "./api/session.svelte";
import type { Overview, SettingsRow, Severity } from "./api/shapes";

const WORST: readonly Severity[] = ["critical", "high", "medium", "low"];

/** All that are open, in the colour of the worst; none where nothing is open. */
export function worst(open: Readonly<Record<Severity, number>>): { severity: Severity; open: number } | undefined {
  const severity = WORST.find((severity) => open[severity] > 0);
  return severity && { severity, open: WORST.reduce((sum, severity) => sum + open[severity], 0) };
}

class Posture {
  overview = $state.raw<Overview>();
  worst = $derived(this.overview && worst(this.overview.open));
  /** What the site calls itself. */
  site = $state("");

  /** To be called while the frame is set up. */
  follow(): void {
    $effect(() => {
      void live.changes;
      if (session.state !== "in") return;
      // A failure is said by the page, which asks as well.
      call<Overview>("GET", "/api/v1/overview").then(
        (overview) => (this.overview = overview),
        () => undefined,
      );
      call<SettingsRow>("GET", "/api/v1/settings").then(
        (settings) => (this.site = settings.site_name),
        () => undefined,
      );
    });
  }
}

export const posture = new Posture();
