/** Every bed of the ward as far as it is known: what messages change, apart from how they arrive and how they are drawn. */
import type { Samples } from "./decode";
import type { BedNow, Hello, Told } from "./live";
import { Trace } from "./trace";

/** A bed that has said nothing for so long shows no data, in ms. */
export const noDataMs = 5000;

export interface Place {
  now: BedNow;
  trace: Trace;
  /** When the last message of it arrived, by the page's clock, ms. */
  arrived: number;
}

export class Ward {
  readonly places = new Map<number, Place>();
  origin: Hello["origin"] = null;
  unshown = 0;
  /** Messages that this page was too slow for. */
  skipped = 0;
  /** Capture time of the newest message, ms since 1970. */
  newest = 0;
  /** Whether the server said what there is. */
  greeted = false;

  /** Takes a text message that arrived at `at`; gives whether beds came or went. */
  tell(message: Told, at: number): boolean {
    switch (message.kind) {
      case "hello": {
        this.greeted = true;
        this.origin = message.origin;
        this.unshown = message.beds_unshown;
        for (const bed of message.beds) this.newest = Math.max(this.newest, bed.time_ms);
        const keys = new Set(message.beds.map((bed) => bed.key));
        for (const key of this.places.keys()) if (!keys.has(key)) this.places.delete(key);
        // How old it is by the newest of the ward: the page's clock may be another's.
        for (const bed of message.beds) this.#set(bed, at - (this.newest - bed.time_ms) / this.speed);
        return true;
      }
      case "bed":
        this.newest = Math.max(this.newest, message.time_ms);
        return this.#set(message, at);
      case "gone":
        return this.places.delete(message.key);
      case "skipped":
        this.skipped += message.messages;
        return false;
    }
  }

  /** Takes samples. */
  push(samples: Samples): void {
    this.places.get(samples.key)?.trace.push(samples);
  }

  /** Seconds of data in a second. */
  get speed(): number {
    return this.origin?.speed ?? 1;
  }

  #set(bed: BedNow, arrived: number): boolean {
    const known = this.places.get(bed.key);
    if (!known) {
      this.places.set(bed.key, { now: bed, trace: new Trace(), arrived });
      return true;
    }
    const moved = known.now.bed !== bed.bed;
    known.now = bed;
    known.arrived = Math.max(known.arrived, arrived);
    return moved;
  }
}
