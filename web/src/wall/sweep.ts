/** Where a sweeping trace is drawn: paper speed, columns, the bar that erases, heights. */

/** Millimetres of paper a second, as monitors draw. */
export const paperMmPerSecond = 25;
/** CSS pixels of a millimetre: 96 an inch. */
export const cssPixelsPerMm = 96 / 25.4;
/** Width of the bar that erases what is old, in CSS pixels. */
export const eraseCss = 14;

/** Device pixels a second. */
export function pixelsPerSecond(ratio: number): number {
  return paperMmPerSecond * cssPixelsPerMm * ratio;
}

/** Columns to be drawn next, counted from the beginning of the time line: those that are whole and not drawn yet. */
export function columnsDue(drawn: number, play: number, perSecond: number, width: number): { from: number; to: number } {
  const to = Math.floor(play * perSecond);
  // What went round more than once is overwritten anyway.
  return { from: Math.max(drawn, to - width), to: Math.max(drawn, to) };
}

/** Stretches of the screen's columns that `count` columns from column `at` on cover: two where they go round the edge. */
export function stretches(at: number, count: number, width: number): { x: number; width: number }[] {
  if (count <= 0 || width <= 0) return [];
  if (count >= width) return [{ x: 0, width }];
  const x = ((at % width) + width) % width;
  const before = Math.min(count, width - x);
  const parts = [{ x, width: before }];
  if (count > before) parts.push({ x: 0, width: count - before });
  return parts;
}

/** Codes shown at the bottom and top of a strip. */
export interface Scale {
  low: number;
  high: number;
}

/** Least number of codes that a strip's height shows: less would make noise look like a signal. */
const spanMin = 24;

/**
 * The scale for signals that lately went from `min` to `max`: the one there is, as long as it fits. It changes only where
 * the signal leaves it or has become much smaller, so that a strip does not breathe.
 */
export function fitScale(scale: Scale | undefined, range: { min: number; max: number } | undefined): Scale | undefined {
  if (!range) return scale;
  const span = Math.max(spanMin, range.max - range.min);
  const fits = scale && range.min >= scale.low && range.max <= scale.high && span > (scale.high - scale.low) * 0.4;
  if (fits) return scale;
  const middle = (range.min + range.max) / 2;
  const half = span * 0.58;
  return { low: middle - half, high: middle + half };
}

/** Height of `code` on a strip from `top` with `height`, kept inside it. */
export function yOf(code: number, scale: Scale, top: number, height: number): number {
  const share = (code - scale.low) / (scale.high - scale.low);
  return top + height * (1 - Math.max(0, Math.min(1, share)));
}
