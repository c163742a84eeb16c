/** The last minute of one channel, addressed by its place in time on the bed's own time line. */

/** Samples that are held: a power of two; 64 s at 512 a second. */
const capacity = 1 << 15;
const mask = capacity - 1;

/** What a pixel column shows: where the line enters and leaves it, and how far it goes between. */
export interface Column {
  first: number;
  last: number;
  min: number;
  max: number;
  /** Whether the lowest point comes before the highest. */
  minFirst: boolean;
}

export class Track {
  /** Samples a second; 0 while not known. */
  rate = 0;
  /** Samples ever pushed. */
  head = 0;
  /** Seconds of the bed's time line at sample 0. */
  origin = 0;
  #codes = new Uint8Array(capacity);
  /** Number on the wire of the next sample. */
  #next: number | undefined;
  /** Samples that do not follow the one before, oldest first. */
  #breaks: number[] = [];

  /** Adds a block; what is known already is passed over, and what is missing is a break. */
  push(first: number, codes: Uint8Array): void {
    let from = 0;
    if (this.#next !== undefined && first !== this.#next) {
      const known = (this.#next - first) | 0;
      // What a new connection sends again.
      if (known > 0 && known <= codes.length) from = known;
      else this.break();
    }
    for (let at = from; at < codes.length; at++) {
      this.#codes[this.head & mask] = codes[at]!;
      this.head++;
    }
    this.#next = (first + codes.length) >>> 0;
    while (this.#breaks.length > 0 && this.#breaks[0]! < this.head - capacity) this.#breaks.shift();
  }

  /** What comes does not follow. */
  break(): void {
    if (this.head > 0 && this.#breaks.at(-1) !== this.head) this.#breaks.push(this.head);
  }

  /** Seconds of the time line at the end of the samples. */
  get end(): number {
    return this.rate > 0 ? this.origin + this.head / this.rate : this.origin;
  }

  /** Seconds of the time line at the oldest sample held. */
  get start(): number {
    return this.rate > 0 ? this.origin + Math.max(0, this.head - capacity) / this.rate : this.origin;
  }

  /** Sets the rate; the end keeps its place in time. Before the first rate nothing had a place, and sample 0 gets the beginning. */
  setRate(rate: number): void {
    if (rate <= 0 || rate === this.rate) return;
    if (this.rate === 0) {
      this.rate = rate;
      return;
    }
    const end = this.end;
    this.rate = rate;
    this.origin = end - this.head / rate;
  }

  /** The end of the samples is at `seconds` of the time line from now on. */
  align(seconds: number): void {
    if (this.rate > 0) this.origin = seconds - this.head / this.rate;
  }

  code(sample: number): number {
    return this.#codes[sample & mask]!;
  }

  #broken(after: number, to: number): boolean {
    return this.#breaks.some((at) => at > after && at <= to);
  }

  /**
   * What the line does between two moments: every sample between them counts, so that no peak is lost, however many
   * samples a column holds. None where there are no samples, or they do not follow each other.
   */
  column(from: number, to: number): Column | undefined {
    if (this.rate <= 0) return undefined;
    const a = (from - this.origin) * this.rate;
    const b = (to - this.origin) * this.rate;
    const before = Math.floor(a);
    const after = Math.ceil(b);
    if (before < Math.max(0, this.head - capacity) || after > this.head - 1 || b <= a) return undefined;
    if (this.#broken(before, after)) return undefined;
    const between = (at: number): number => {
      const low = Math.floor(at);
      const share = at - low;
      return share === 0 ? this.code(low) : this.code(low) * (1 - share) + this.code(low + 1) * share;
    };
    const first = between(a);
    const last = between(b);
    let [min, max, minAt, maxAt] = [first, first, a, a];
    for (let sample = before + 1; sample < b; sample++) {
      const code = this.code(sample);
      if (code < min) [min, minAt] = [code, sample];
      if (code > max) [max, maxAt] = [code, sample];
    }
    if (last < min) [min, minAt] = [last, b];
    if (last > max) [max, maxAt] = [last, b];
    return { first, last, min, max, minFirst: minAt <= maxAt };
  }

  /** Lowest and highest code of the last `seconds`; none without samples. */
  range(seconds: number): { min: number; max: number } | undefined {
    const count = Math.min(this.head, capacity, Math.ceil(seconds * this.rate));
    if (count <= 0) return undefined;
    let [min, max] = [255, 0];
    for (let sample = this.head - count; sample < this.head; sample++) {
      const code = this.code(sample);
      if (code < min) min = code;
      if (code > max) max = code;
    }
    return { min, max };
  }
}
