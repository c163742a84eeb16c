/** How beds are laid out on a screen. */

export interface Layout {
  columns: number;
  rows: number;
  /** Beds on a page. */
  capacity: number;
  pages: number;
}

/** Beds on a page where nobody says otherwise: 16 up to full HD, 32 from 4K on, counted in the screen's own pixels. */
export function usualCapacity(width: number, height: number, ratio: number): number {
  return width * ratio * height * ratio >= 6_000_000 ? 32 : 16;
}

/** Best proportion of a tile: waveforms want to be long. */
const proportion = 1.9;
/** Narrower and lower than this, in CSS pixels, a tile cannot be read. */
const tileMin = { width: 220, height: 112 };

/** Rows and columns for `beds` on a screen, with no more than `most` on a page. */
export function layout(width: number, height: number, beds: number, most: number): Layout {
  const fitting = Math.max(1, Math.floor(width / tileMin.width)) * Math.max(1, Math.floor(height / tileMin.height));
  const count = Math.max(1, Math.min(beds, most, fitting));
  let best: { columns: number; rows: number; cost: number } | undefined;
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const tile = { width: width / columns, height: height / rows };
    const readable = tile.width >= tileMin.width && tile.height >= tileMin.height;
    const empty = (columns * rows - count) / (columns * rows);
    const cost = Math.abs(Math.log(tile.width / tile.height / proportion)) + empty + (readable ? 0 : 100);
    if (!best || cost < best.cost) best = { columns, rows, cost };
  }
  const { columns, rows } = best ?? { columns: 1, rows: 1 };
  return { columns, rows, capacity: count, pages: Math.max(1, Math.ceil(beds / count)) };
}

/** Beds in the order of the wall: by number, those without one last. */
export function inOrder<Bed extends { bed: number | null; key: number }>(beds: Iterable<Bed>): Bed[] {
  const place = (bed: Bed): number => bed.bed ?? Number.MAX_SAFE_INTEGER;
  return [...beds].sort((one, other) => place(one) - place(other) || one.key - other.key);
}
