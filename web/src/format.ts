/** How numbers, times and text from the wire are written. */

const COUNT = new Intl.NumberFormat("en-GB");

/** `1,234`. */
export function count(value: number): string {
  return COUNT.format(value);
}

/** `1 device`, `2 devices`. */
export function counted(value: number, one: string, many: string): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

/** Bytes with three digits at most: `77.2 kB`. Decimal units. */
export function bytes(value: number): string {
  let scaled = value;
  let at = 0;
  while (scaled >= 999.5 && at < UNITS.length - 1) {
    scaled /= 1000;
    at++;
  }
  const digits = at === 0 || scaled >= 99.95 ? 0 : 1;
  return `${scaled.toFixed(digits)} ${UNITS[at]}`;
}

const two = (value: number) => String(value).padStart(2, "0");

/** Local time: `2026-11-28 13:05:09`. */
export function local(text: string): string {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** UTC, to the second: `2026-11-28 12:05:09 UTC`. */
export function utc(text: string): string {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? text : `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

const STEPS: readonly (readonly [number, string])[] = [
  [60, "s"],
  [60, "min"],
  [24, "h"],
  [365, "d"],
];

/** How long ago, in one unit: `5 min ago`; what is to come: `in 3 d`. */
export function ago(text: string, now: number): string {
  const seconds = Math.round((now - new Date(text).getTime()) / 1000);
  if (Number.isNaN(seconds)) return text;
  let size = Math.abs(seconds);
  if (size < 5) return "now";
  let unit = "y";
  for (const [most, name] of STEPS) {
    if (size < most) {
      unit = name;
      break;
    }
    size = Math.floor(size / most);
  }
  return seconds < 0 ? `in ${size} ${unit}` : `${size} ${unit} ago`;
}

/** `3 min 20 s` between two moments. */
export function span(from: string, to: string): string {
  const seconds = (new Date(to).getTime() - new Date(from).getTime()) / 1000;
  return Number.isNaN(seconds) ? "" : spanOf(seconds);
}

/** `3 min 20 s` of so many seconds. */
export function spanOf(exactly: number): string {
  const seconds = Math.max(0, Math.round(exactly));
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ] as const;
  const from_ = parts.findIndex(([size]) => size > 0);
  if (from_ < 0) return "0 s";
  return parts
    .slice(from_, from_ + 2)
    .filter(([size]) => size > 0)
    .map(([size, unit]) => `${size} ${unit}`)
    .join(" ");
}

/** Longest text from the wire that is shown, in characters. Our limit; what is beyond is marked by an ellipsis. */
const SHOWN_MAX = 400;

/**
 * Text from the wire as it may be shown: what is invisible or turns the direction of writing (Unicode categories Cc, Cf,
 * Zl, Zp, surrogates, private use) becomes its code in brackets, so that a name cannot pass for another.
 */
export function shown(text: string, most = SHOWN_MAX): string {
  const visible = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/gu, (sign) => {
    return `[U+${(sign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`;
  });
  const letters = [...visible];
  return letters.length > most ? `${letters.slice(0, most).join("")}…` : visible;
}

/** An endpoint as people write it: `10.0.0.1:515`, `[fe80::1]:80`. */
export function endpoint(ip: string, port?: number | null): string {
  if (!port) return ip;
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}

/** `data-kept-so` as words: `data kept so`. */
export function spaced(name: string): string {
  return name.replace(/[-_]/g, " ");
}

/** First letter large. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
