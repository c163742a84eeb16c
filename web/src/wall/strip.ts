/** A strip of paper: samples at 25 mm/s over a grid of five millimetres. */
import type { Strip } from "./live";
import { cssPixelsPerMm, fitScale, paperMmPerSecond, yOf } from "./sweep";

const heightMm = 25;
const gridMm = 5;

export interface Size {
  width: number;
  height: number;
  grid: string;
}

export function stripSize(strip: Strip): Size {
  const seconds = strip.rate_hz > 0 ? strip.samples.length / strip.rate_hz : 0;
  const width = Math.ceil(seconds * paperMmPerSecond * cssPixelsPerMm);
  const height = Math.ceil(heightMm * cssPixelsPerMm);
  const step = gridMm * cssPixelsPerMm;
  let grid = "";
  for (let x = 0; x <= width; x += step) grid += `M${x.toFixed(1)} 0V${height}`;
  for (let y = 0; y <= height; y += step) grid += `M0 ${y.toFixed(1)}H${width}`;
  return { width, height, grid };
}

/** The line through every sample. */
export function stripPath(strip: Strip, size: Size): string {
  const [min, max] = strip.samples.reduce(([low, high], code) => [Math.min(low, code), Math.max(high, code)], [255, 0]);
  const scale = fitScale(undefined, { min, max });
  if (!scale || strip.rate_hz <= 0) return "";
  const step = (paperMmPerSecond * cssPixelsPerMm) / strip.rate_hz;
  return strip.samples.map((code, at) => `${at === 0 ? "M" : "L"}${(at * step).toFixed(1)} ${yOf(code, scale, 4, size.height - 8).toFixed(1)}`).join("");
}
