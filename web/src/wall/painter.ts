/** Draws the sweeping traces of one bed on one canvas: only what is new in each frame, and the bar that erases before it. */
import type { Channel } from "./decode";
import { columnsDue, eraseCss, fitScale, pixelsPerSecond, stretches, yOf, type Scale } from "./sweep";
import type { Trace } from "./trace";

export interface Line {
  channel: Channel;
  colour: string;
}

/** Seconds of a signal that its height is fitted to. */
const fitSeconds = 8;

export class Painter {
  #canvas: HTMLCanvasElement;
  #context: CanvasRenderingContext2D;
  #lines: readonly Line[] = [];
  #scales = new Map<Channel, Scale>();
  #fitted = 0;
  #ratio = 1;
  /** Columns drawn so far, counted from the beginning of the time line; fewer than none: everything is to be drawn anew. */
  #drawn = -1;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
    const context = canvas.getContext("2d", { alpha: true, desynchronized: true });
    if (!context) throw new Error("no canvas");
    this.#context = context;
  }

  /** What is drawn, from top to bottom. */
  set lines(lines: readonly Line[]) {
    this.#lines = lines;
    this.#drawn = -1;
  }

  /** The canvas is so big, in CSS pixels. */
  resize(width: number, height: number, ratio: number): void {
    const [wide, high] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
    if (this.#canvas.width === wide && this.#canvas.height === high && this.#ratio === ratio) return;
    this.#canvas.width = wide;
    this.#canvas.height = high;
    this.#ratio = ratio;
    this.#drawn = -1;
  }

  /** Draws what has become due. */
  draw(trace: Trace): void {
    const { width, height } = this.#canvas;
    const perSecond = pixelsPerSecond(this.#ratio);
    if (this.#drawn < 0) {
      this.#context.clearRect(0, 0, width, height);
      this.#scales.clear();
      this.#fitted = 0;
      this.#drawn = Math.max(0, Math.ceil(trace.start * perSecond), Math.floor(trace.play * perSecond) - width);
    }
    const due = columnsDue(this.#drawn, trace.play, perSecond, width);
    if (due.to <= due.from) return;
    this.#fit(trace);
    const bar = Math.round(eraseCss * this.#ratio);
    for (const part of stretches(due.from, due.to - due.from + bar, width)) this.#context.clearRect(part.x, 0, part.width, height);
    const strip = height / Math.max(1, this.#lines.length);
    this.#lines.forEach((line, at) => this.#stroke(trace, line, { top: at * strip, height: strip }, due, perSecond, width));
    this.#drawn = due.to;
  }

  #fit(trace: Trace): void {
    if (trace.play - this.#fitted < 1 && trace.play >= this.#fitted && this.#scales.size === this.#lines.length) return;
    this.#fitted = trace.play;
    for (const { channel } of this.#lines) {
      const scale = fitScale(this.#scales.get(channel), trace.tracks[channel].range(fitSeconds));
      if (scale) this.#scales.set(channel, scale);
    }
  }

  #stroke(trace: Trace, line: Line, strip: { top: number; height: number }, due: { from: number; to: number }, perSecond: number, width: number): void {
    const scale = this.#scales.get(line.channel);
    if (!scale) return;
    const track = trace.tracks[line.channel];
    const margin = strip.height * 0.07;
    const y = (code: number): number => yOf(code, scale, strip.top + margin, strip.height - 2 * margin);
    const context = this.#context;
    context.strokeStyle = line.colour;
    context.lineWidth = 1.6 * this.#ratio;
    context.lineJoin = "round";
    context.beginPath();
    let down = false;
    for (let column = due.from; column < due.to; column++) {
      const x = column % width;
      const shown = track.column(column / perSecond, (column + 1) / perSecond);
      if (!shown) {
        down = false;
        continue;
      }
      if (!down || x === 0) context.moveTo(x, y(shown.first));
      const [one, other] = shown.minFirst ? [shown.min, shown.max] : [shown.max, shown.min];
      context.lineTo(x + 0.35, y(one));
      context.lineTo(x + 0.65, y(other));
      context.lineTo(x + 1, y(shown.last));
      down = true;
    }
    context.stroke();
  }
}

/** Calls every painter once a frame, one loop for all. */
class Frames {
  #each = new Set<(seconds: number) => void>();
  #before: number | undefined;
  #asked = 0;

  add(draw: (seconds: number) => void): () => void {
    this.#each.add(draw);
    if (this.#each.size === 1) this.#asked = requestAnimationFrame(this.#frame);
    return () => {
      this.#each.delete(draw);
      if (this.#each.size === 0) {
        cancelAnimationFrame(this.#asked);
        this.#before = undefined;
      }
    };
  }

  #frame = (now: number): void => {
    const seconds = this.#before === undefined ? 0 : (now - this.#before) / 1000;
    this.#before = now;
    for (const draw of this.#each) draw(seconds);
    if (this.#each.size > 0) this.#asked = requestAnimationFrame(this.#frame);
  };
}

export const frames = new Frames();
