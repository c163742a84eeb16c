/** What changed in the store, told by the server (`GET /api/v1/events`). */
import { EventReader } from "./events";

/** Many changes at once are told once, after so long. */
const QUIET_MS = 400;
/** Longest time until it is tried again. */
const AGAIN_MS_MAX = 30_000;
/** Longest time that pages wait for the telling to begin: a browser with many tabs may have no connection left for it. */
const BEGIN_MS_MAX = 300;

class Live {
  /** Grows with every change that was told; pages load anew when it does. */
  changes = $state(0);
  /** When the last change was told, or the telling began, by the page's clock: what was asked for later knows of it. */
  told = 0;
  /** Whether changes are being told just now. */
  connected = $state(false);
  /** Whether it was tried and went wrong. */
  failed = $state(false);
  /** Settled when the telling has begun, or will not soon: what is asked for after it need not be asked for again. */
  begun: Promise<void> = Promise.resolve();
  #answered: () => void = () => undefined;
  #running: AbortController | undefined;
  #quiet: ReturnType<typeof setTimeout> | undefined;
  #last: string | undefined;

  begin(): void {
    if (this.#running) return;
    this.#running = new AbortController();
    this.begun = new Promise((settle) => {
      this.#answered = settle;
      setTimeout(settle, BEGIN_MS_MAX);
    });
    void this.#follow(this.#running.signal);
  }

  end(): void {
    this.#running?.abort();
    this.#running = undefined;
    this.connected = false;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    let wait = 1000;
    while (!signal.aborted) {
      try {
        const headers: Record<string, string> = { Accept: "text/event-stream" };
        if (this.#last) headers["Last-Event-ID"] = this.#last;
        const answer = await fetch("/api/v1/events", { headers, signal });
        if (answer.ok && answer.body) {
          // What happened before the first event is not known, and a page that found nobody while the server was away still says so.
          if (this.failed || !this.#last) this.#changed();
          this.connected = true;
          this.failed = false;
          this.#answered();
          wait = 1000;
          await this.#read(answer.body);
        } else if (answer.status === 401) return;
      } catch {
        // Out of reach, or cut off: tried again below.
      } finally {
        this.#answered();
      }
      this.connected = false;
      this.failed = true;
      await new Promise((on) => setTimeout(on, wait));
      wait = Math.min(wait * 2, AGAIN_MS_MAX);
    }
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = new EventReader();
    const pieces = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
    for (;;) {
      const { done, value } = await pieces.read();
      if (done) return;
      const events = reader.read(value);
      this.#last = events.findLast((event) => event.id)?.id ?? this.#last;
      if (events.length) this.#changed();
    }
  }

  #changed(): void {
    this.told = performance.now();
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => this.changes++, QUIET_MS);
  }
}

export const live = new Live();
