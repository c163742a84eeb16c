/** Where boxes and lines of the map stand: zones on the left, whom they talk to on the right, those off site apart. */
import type { MapAnswer, MapLink, MapPeer, MapZone } from "./api/shapes";

export const BOX_WIDTH = 340;
export const BOX_HEIGHT = 48;
const GAP = 10;
const HEADING = 34;
export const WIDTH = 1180;

export interface Box<T> {
  of: T;
  x: number;
  y: number;
}
export interface Line {
  link: MapLink;
  path: string;
  width: number;
  where: string;
}
export interface Heading {
  text: string;
  x: number;
  y: number;
}
export interface Drawing {
  zones: Box<MapZone>[];
  peers: Box<MapPeer>[];
  lines: Line[];
  headings: Heading[];
  height: number;
}

/** Groups of peers, from near to far. */
export const PLACES = ["on-link", "onsite", "offsite", "unanswered", "unknown"] as const;

/** Wider for more, by its logarithm: 1.5 to 9. */
export function lineWidth(bytes: number): number {
  return Math.min(9, 1.5 + Math.log10(Math.max(1, bytes)) * 0.8);
}

export function draw(map: MapAnswer, headings: { zones: string; places: Readonly<Record<string, string>> }): Drawing {
  const right = WIDTH - BOX_WIDTH;
  const drawing: Drawing = { zones: [], peers: [], lines: [], headings: [{ text: headings.zones, x: 0, y: 20 }], height: 0 };
  let y = HEADING;
  for (const zone of map.zones) {
    drawing.zones.push({ of: zone, x: 0, y });
    y += BOX_HEIGHT + GAP;
  }
  let below = 0;
  for (const place of PLACES) {
    const peers = map.peers.filter((peer) => peer.where === place);
    if (!peers.length) continue;
    drawing.headings.push({ text: headings.places[place] ?? place, x: right, y: below + 20 });
    below += HEADING;
    for (const peer of peers) {
      drawing.peers.push({ of: peer, x: right, y: below });
      below += BOX_HEIGHT + GAP;
    }
    below += GAP * 2;
  }
  drawing.height = Math.max(y, below, HEADING + BOX_HEIGHT);
  const middle = (boxes: Box<{ id: string }>[], id: string) => {
    const box = boxes.find((box) => box.of.id === id);
    return box && box.y + BOX_HEIGHT / 2;
  };
  for (const link of map.links) {
    const from = middle(drawing.zones, link.zone);
    const to = middle(drawing.peers, link.peer);
    const where = map.peers.find((peer) => peer.id === link.peer)?.where ?? "unknown";
    if (from === undefined || to === undefined) continue;
    const bend = (right - BOX_WIDTH) / 2;
    const path = `M${BOX_WIDTH} ${from}C${BOX_WIDTH + bend} ${from} ${right - bend} ${to} ${right} ${to}`;
    drawing.lines.push({ link, path, width: lineWidth(link.bytes_out + link.bytes_in), where });
  }
  return drawing;
}

/** The moments that the slider of time stands for: `steps` from `first` to `last`. */
export function moment(first: string, last: string, step: number, steps: number): string {
  const [from, to] = [Date.parse(first), Date.parse(last)];
  return new Date(from + ((to - from) * step) / steps).toISOString();
}
