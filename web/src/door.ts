/** Where somebody was when they left for the identity provider, so that they come back to it: the provider sends them to `/`. */
import { at } from "./at.svelte";
import { within } from "./route";

const KEPT = "lazaret.left-at";

/** Called when the browser leaves for the provider. */
export function leaving(): void {
  try {
    sessionStorage.setItem(KEPT, location.pathname + location.search);
  } catch {
    // A browser that keeps nothing comes back to the first page.
  }
}

/** Called when somebody is signed in: goes back to where they were, once. */
export function arrived(): void {
  let left: string | null = null;
  try {
    left = sessionStorage.getItem(KEPT);
    sessionStorage.removeItem(KEPT);
  } catch {
    return;
  }
  const place = within(left ?? "");
  if (place && at.path === "/") at.go(place);
}
