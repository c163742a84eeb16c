import { query } from "./route";

/** Where the console is: the address of the browser, as state. */
class At {
  path = $state(location.pathname);
  search = $state(location.search);
  /** Scroll offsets of pages left, by history entry, so that going back finds the place again. */
  #left = new Map<string, number>();

  constructor() {
    history.scrollRestoration = "manual";
    addEventListener("popstate", () => {
      this.#follow();
      const top = this.#left.get(location.href) ?? 0;
      requestAnimationFrame(() => scrollTo(0, top));
    });
    addEventListener("click", (event) => this.#click(event));
  }

  /** One value of the query. */
  asked(name: string): string {
    return new URLSearchParams(this.search).get(name) ?? "";
  }

  /** Goes to `href`; a new entry of the browser's history. */
  go(href: string): void {
    if (href === location.pathname + location.search) return;
    this.#left.set(location.href, scrollY);
    history.pushState(null, "", href);
    this.#follow();
    scrollTo(0, 0);
  }

  /** Changes parts of the query in place: no new entry, no jump. */
  ask(changes: Readonly<Record<string, string | undefined>>): void {
    const now = Object.fromEntries(new URLSearchParams(this.search));
    history.replaceState(null, "", this.path + query({ ...now, ...changes }));
    this.#follow();
  }

  #follow(): void {
    this.path = location.pathname;
    this.search = location.search;
  }

  /** Links within the console do not load it anew. */
  #click(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.("a");
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.pathname.startsWith("/api/") || (link.hash && link.pathname === location.pathname)) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }
}

export const at = new At();
