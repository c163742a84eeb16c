import { untrack } from "svelte";
import { asProblem, call, type Problem } from "./call";
import { live } from "./live.svelte";

/**
 * What a path of the API answers, loaded again when the path or the store changes. While it loads, and where loading
 * fails, what was there before stays.
 */
export class Asked<T> {
  answer = $state.raw<T>();
  problem = $state.raw<Problem>();
  loading = $state(false);
  /** The path that `answer` is of. */
  of = $state<string>();
  #running: AbortController | undefined;
  /** The path that was asked for last, and when by the page's clock. */
  #last: { path: string; at: number } | undefined;
  #path: () => string | undefined;
  #live: boolean;

  /** To be made while a component is set up. */
  constructor(path: () => string | undefined, live_: "live" | "still" = "live") {
    this.#path = path;
    this.#live = live_ === "live";
    $effect(() => {
      const path = this.#path();
      if (this.#live) void live.changes;
      untrack(() => {
        const known = this.#last !== undefined && this.#last.path === path && this.#last.at > live.told && !this.problem;
        if (!known) void this.#load(path);
      });
    });
    $effect(() => () => this.#running?.abort());
  }

  reload(): Promise<void> {
    return this.#load(this.#path());
  }

  async #load(path: string | undefined): Promise<void> {
    this.#running?.abort();
    this.#last = undefined;
    if (path === undefined) return;
    const running = new AbortController();
    this.#running = running;
    this.loading = true;
    try {
      if (this.#live) await live.begun;
      if (running.signal.aborted) return;
      this.#last = { path, at: performance.now() };
      const answer = await call<T>("GET", path, undefined, running.signal);
      if (running.signal.aborted) return;
      this.answer = answer;
      this.of = path;
      this.problem = undefined;
    } catch (thrown) {
      if (running.signal.aborted) return;
      this.problem = asProblem(thrown);
    } finally {
      if (this.#running === running) this.loading = false;
    }
  }
}
