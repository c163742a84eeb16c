/** The ward as state for pages, fed by the server's stream for as long as a page shows it. */
import { call } from "../api/call";
import { decode } from "./decode";
import { inOrder } from "./layout";
import { told, type BedNow } from "./live";
import { Ward, type Place } from "./ward";

/** Waits between tries to connect, ms: each twice the one before. */
const retryMs = { first: 500, most: 8000 };

class Feed {
  readonly ward = new Ward();
  /** How the stream does. */
  standing = $state<"connecting" | "on" | "lost" | "refused">("connecting");
  /** Keys of the beds, in the order of the wall. */
  keys = $state.raw<number[]>([]);
  origin = $state.raw<Ward["origin"]>(null);
  unshown = $state(0);
  skipped = $state(0);
  greeted = $state(false);
  #shown = new Map<number, Shown>();
  #users = 0;
  #socket: WebSocket | undefined;
  #again: ReturnType<typeof setTimeout> | undefined;
  #wait = retryMs.first;

  /** Streams for as long as the component that calls it lives. */
  use(): void {
    $effect(() => {
      this.#users++;
      if (this.#users === 1) this.#connect();
      return () => {
        this.#users--;
        if (this.#users === 0) this.#end();
      };
    });
  }

  /** The key of the bed that a link names. */
  keyOf(id: string): number | undefined {
    return this.keys.find((key) => this.#shown.get(key)?.now.id === id);
  }

  /** What a bed shows, as state. */
  bed(key: number): Shown | undefined {
    return this.#shown.get(key);
  }

  place(key: number): Place | undefined {
    return this.ward.places.get(key);
  }

  #connect(): void {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/api/v1/live/waveforms`);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.onmessage = (event) => this.#take(event.data);
    socket.onclose = () => {
      if (this.#socket !== socket) return;
      this.standing = "lost";
      this.#again = setTimeout(() => this.#connect(), this.#wait);
      this.#wait = Math.min(this.#wait * 2, retryMs.most);
      // Why a stream is refused the browser does not say; whether somebody is signed in the session does.
      void call("GET", "/api/v1/session").catch(() => undefined);
    };
  }

  #end(): void {
    clearTimeout(this.#again);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    this.standing = "connecting";
  }

  #take(data: unknown): void {
    if (data instanceof ArrayBuffer) {
      const samples = decode(data);
      if (samples) this.ward.push(samples);
      return;
    }
    const message = typeof data === "string" ? told(data) : undefined;
    if (!message) return;
    this.standing = "on";
    this.#wait = retryMs.first;
    const moved = this.ward.tell(message, performance.now());
    if (message.kind === "bed") this.#show(message);
    if (message.kind === "hello") message.beds.forEach((bed) => this.#show(bed));
    if (moved) {
      this.keys = inOrder([...this.ward.places.values()].map((place) => place.now)).map((bed) => bed.key);
      for (const key of this.#shown.keys()) if (!this.ward.places.has(key)) this.#shown.delete(key);
    }
    this.origin = this.ward.origin;
    this.unshown = this.ward.unshown;
    this.skipped = this.ward.skipped;
    this.greeted = this.ward.greeted;
  }

  #show(bed: BedNow): void {
    const shown = this.#shown.get(bed.key);
    if (shown) shown.now = bed;
    else this.#shown.set(bed.key, new Shown(bed));
  }
}

/** A bed as state. */
export class Shown {
  now = $state.raw() as BedNow;
  constructor(now: BedNow) {
    this.now = now;
  }
}

export const feed = new Feed();

/** The time by the page's clock, twice a second: for how old data is. */
class Ticker {
  now = $state(performance.now());
  constructor() {
    setInterval(() => (this.now = performance.now()), 500);
  }
}

export const ticker = new Ticker();
