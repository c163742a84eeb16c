/** What changed in the store, told by the server (`GET /api/v1/events`, server-sent events). */

const QUIET_MS = 400;

class Live {
  /** Grows with every change that was told; pages load anew when it does. */
  changes = $state(0);
  /** Whether changes are being told just now. */
  connected = $state(false);
  #source: EventSource | undefined;
  #waiting: ReturnType<typeof setTimeout> | undefined;

  begin(): void {
    if (this.#source) return;
    const source = new EventSource("/api/v1/events");
    this.#source = source;
    source.onopen = () => (this.connected = true);
    // The browser connects again by itself, with the last event it saw; after a refusal it does not.
    source.onerror = () => {
      this.connected = false;
      if (source.readyState === EventSource.CLOSED) this.end();
    };
    source.onmessage = () => this.#changed();
    source.addEventListener("change", () => this.#changed());
  }

  end(): void {
    this.#source?.close();
    this.#source = undefined;
    this.connected = false;
  }

  /** Many changes at once are told once. */
  #changed(): void {
    clearTimeout(this.#waiting);
    this.#waiting = setTimeout(() => this.changes++, QUIET_MS);
  }
}

export const live = new Live();
