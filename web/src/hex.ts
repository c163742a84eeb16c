/** A frame's bytes in lines of sixteen, as people compare them with other programs. */

import type { Stretch } from "./api/shapes";

export interface Byte {
  /** Place in the frame. */
  at: number;
  /** Two digits, or `··` where nothing may be seen. */
  hex: string;
  /** The letter, or `·`. */
  letter: string;
  /** Overwritten: a patient's, a secret, or read by no parser. */
  hidden: boolean;
}
export interface Line { offset: string; bytes: Byte[] }

export const LINE_BYTES = 16;

/** The lines of `data` (two hexadecimal digits a byte), without what is concealed. */
export function lines(data: string, concealed: readonly Stretch[]): Line[] {
  const all: Line[] = [];
  const count = Math.floor(data.length / 2);
  for (let start = 0; start < count; start += LINE_BYTES) {
    const bytes: Byte[] = [];
    for (let at = start; at < Math.min(count, start + LINE_BYTES); at++) {
      const hidden = within(at, concealed);
      const hex = data.slice(at * 2, at * 2 + 2);
      const code = Number.parseInt(hex, 16);
      const letter = !hidden && code > 32 && code < 127 ? String.fromCharCode(code) : "·";
      bytes.push({ at, hex: hidden ? "··" : hex, letter, hidden });
    }
    all.push({ offset: start.toString(16).padStart(4, "0"), bytes });
  }
  return all;
}

/** Whether a byte lies in one of the stretches. */
export function within(at: number, stretches: readonly Stretch[]): boolean {
  return stretches.some(({ offset, bytes }) => at >= offset && at < offset + bytes);
}

/** `14` or `14–33`: where a field lies, in bytes from 0. */
export function place({ offset, bytes }: Stretch): string {
  return bytes > 1 ? `${offset}–${offset + bytes - 1}` : `${offset}`;
}
