/**
 * Samples as `lazaret.live/1` sends them (docs/spec/live-1.md): binary messages, little-endian.
 *
 * A message that does not have its form is refused whole: half of it would be a guess.
 */

/** Channels by their code on the wire, from 1. */
export const channels = ["ecg-1", "ecg-2", "ecg-3", "pleth", "respiration"] as const;
export type Channel = (typeof channels)[number];

export interface Block {
  channel: Channel;
  /** Number of the first sample; wraps at 2^32. */
  first: number;
  /** Samples a second; 0 while not known. */
  rate: number;
  /** Codes of unknown gain. */
  codes: Uint8Array;
}

export interface Samples {
  /** The bed. */
  key: number;
  /** Capture time of the newest sample, ms since 1970. */
  timeMs: number;
  blocks: Block[];
}

const headBytes = 16;
const blockBytes = 12;

/** Reads one message; none where it is not one of this version. */
export function decode(message: ArrayBuffer): Samples | undefined {
  if (message.byteLength < headBytes) return undefined;
  const view = new DataView(message);
  if (view.getUint8(0) !== 1 || view.getUint8(1) !== 1) return undefined;
  const count = view.getUint16(2, true);
  const blocks: Block[] = [];
  let at = headBytes;
  for (let block = 0; block < count; block++) {
    if (at + blockBytes > message.byteLength) return undefined;
    const channel = channels[view.getUint8(at) - 1];
    const length = view.getUint16(at + 2, true);
    const rate = view.getFloat32(at + 8, true);
    if (at + blockBytes + length > message.byteLength) return undefined;
    // A channel of a later version is passed over.
    if (channel && Number.isFinite(rate) && rate >= 0) {
      blocks.push({ channel, first: view.getUint32(at + 4, true), rate, codes: new Uint8Array(message, at + blockBytes, length) });
    }
    at += blockBytes + length;
  }
  if (at !== message.byteLength) return undefined;
  return { key: view.getUint32(4, true), timeMs: Number(view.getBigInt64(8, true) / 1_000_000n), blocks };
}
