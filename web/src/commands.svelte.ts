/** What keys and the palette can do: everywhere, and what the open page adds. */
import { at } from "./at.svelte";
import { session } from "./api/session.svelte";
import type { Shortcut } from "./keys";
import { pages } from "./pages";
import { theme } from "./theme.svelte";
import { toasts } from "./toasts.svelte";
import { words } from "./words";

class Commands {
  /** What is open over the page. */
  over = $state<"palette" | "keys">();
  /** What the open page adds. */
  here = $state.raw<readonly Shortcut[]>([]);

  /** Pages one may open, in the order of the navigation. */
  get places() {
    return pages.filter((page) => page.nav && (!page.least || session.may(page.least)));
  }

  get everywhere(): readonly Shortcut[] {
    return [
      { keys: "ctrl+k", does: words.keys.palette, run: () => (this.over = "palette") },
      { keys: "?", does: words.keys.help, run: () => (this.over = "keys") },
      { keys: "/", does: words.keys.search, run: focusSearch },
      { keys: "ctrl+z", does: words.keys.undo, run: () => toasts.undoLast() },
      { keys: "t", does: words.keys.theme, run: () => theme.turn() },
      ...this.places.map((page) => ({
        keys: `g ${page.nav?.key ?? ""}`,
        does: words.keys.goTo(page.title),
        run: () => at.go(page.path),
      })),
    ];
  }

  /** Keys of a page, for as long as its component lives. */
  use(shortcuts: () => readonly Shortcut[]): void {
    $effect(() => {
      this.here = shortcuts();
    });
    $effect(() => () => {
      this.here = [];
    });
  }
}

function focusSearch(): void {
  const field = document.querySelector<HTMLInputElement>("[data-search]");
  field?.focus();
  field?.select();
}

export const commands = new Commands();
