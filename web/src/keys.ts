/** Keys of the console: single ones (`?`), chords (`Ctrl+K`) and two after another (`g d`). */

export interface Shortcut {
  /** `?`, `g d`, `ctrl+k`. */
  keys: string;
  /** What it does, for the help. */
  does: string;
  run: () => void;
}

/** What of a pressed key counts. */
export interface Pressed {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

/** After so long the first of two keys is forgotten. */
const BETWEEN_MS = 1500;

/** The name of a pressed key: `ctrl+k`, `?`, `escape`. */
export function named(pressed: Pressed): string {
  const key = pressed.key.length === 1 ? pressed.key : pressed.key.toLowerCase();
  return pressed.ctrlKey || pressed.metaKey ? `ctrl+${key.toLowerCase()}` : key;
}

/** Finds the shortcut that keys mean, remembering the first of two. */
export class Keys {
  #first: { key: string; at: number } | undefined;

  /** The shortcut that is complete with `pressed` at `now` milliseconds. */
  press(pressed: Pressed, now: number, shortcuts: readonly Shortcut[]): Shortcut | undefined {
    if (pressed.altKey || ["Shift", "Control", "Meta", "Alt"].includes(pressed.key)) return undefined;
    const key = named(pressed);
    const first = this.#first && now - this.#first.at < BETWEEN_MS ? this.#first.key : undefined;
    this.#first = undefined;
    const both = first === undefined ? undefined : shortcuts.find((shortcut) => shortcut.keys === `${first} ${key}`);
    if (both) return both;
    const single = shortcuts.find((shortcut) => shortcut.keys === key);
    if (single) return single;
    if (shortcuts.some((shortcut) => shortcut.keys.startsWith(`${key} `))) this.#first = { key, at: now };
    return undefined;
  }
}

/** Whether keys are text just now. */
export function writing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}
