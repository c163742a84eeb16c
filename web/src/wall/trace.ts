/** The channels of one bed on one time line, and how far they have been drawn. */
import { channels, type Channel, type Samples } from "./decode";
import { Track } from "./track";

/** Seconds of samples that should be left when the next arrive: what a network's jitter takes. */
const spareWanted = 0.15;
/** How fast drawing may be, compared with the samples, to get there. */
const hurryMax = 0.05;
/** Seconds that may wait to be drawn; beyond (a page that was hidden) the drawing jumps. */
const waitingMax = 3.5;
/** Channels whose ends are further apart, in seconds, lost different numbers of samples. */
const apartMax = 0.3;

export class Trace {
  readonly tracks: Readonly<Record<Channel, Track>>;
  /** Seconds of the time line up to which it is drawn. */
  play = 0;
  #spare: number | undefined;
  #cycle = 1;

  constructor() {
    this.tracks = Object.fromEntries(channels.map((channel) => [channel, new Track()])) as Record<Channel, Track>;
  }

  /** The channel whose end is the time line's. */
  get #lead(): Track | undefined {
    for (const channel of channels) {
      const track = this.tracks[channel];
      if (track.head > 0 && track.rate > 0) return track;
    }
    return undefined;
  }

  /** Seconds of the time line at the end of the samples. */
  get end(): number {
    return this.#lead?.end ?? 0;
  }

  /** Seconds of the oldest sample held. */
  get start(): number {
    return this.#lead?.start ?? 0;
  }

  /** Whether there is something to be drawn. */
  get playing(): boolean {
    return this.play < this.end;
  }

  /** Takes a message. */
  push(samples: Samples): void {
    const before = this.end;
    const spare = before - this.play;
    for (const block of samples.blocks) {
      const track = this.tracks[block.channel];
      track.push(block.first, block.codes);
      track.setRate(block.rate);
    }
    const end = this.end;
    for (const channel of channels) {
      const track = this.tracks[channel];
      if (track.head > 0 && track.rate > 0 && Math.abs(track.end - end) > apartMax && this.#hasAll(samples, channel)) {
        track.break();
        track.align(end);
      }
    }
    const length = end - before;
    if (before > 0 && length > 0.2 && length < 5) this.#cycle = length;
    if (end - this.play > waitingMax) {
      this.play = end - this.#cycle - spareWanted;
      this.#spare = undefined;
    } else if (length > 0) {
      this.#spare = this.#spare === undefined ? spare : this.#spare * 0.8 + spare * 0.2;
    }
  }

  /** Whether `channel` and the lead are both in the message: only then do their ends mean the same moment. */
  #hasAll(samples: Samples, channel: Channel): boolean {
    const lead = this.#lead;
    return samples.blocks.some((block) => block.channel === channel) && samples.blocks.some((block) => this.tracks[block.channel] === lead);
  }

  /** Goes on by `seconds` of data, a little faster or slower so that there is always something left, and never beyond the end. */
  advance(seconds: number): void {
    const error = (this.#spare ?? spareWanted) - spareWanted;
    const hurry = Math.max(-hurryMax, Math.min(hurryMax, error * 0.1));
    this.play = Math.min(this.end, this.play + seconds * (1 + hurry));
  }
}
