/** Finding by a few letters: the command palette. */

/** How well `text` has the letters of `asked`, in order; none where it does not. Greater is better. */
export function score(asked: string, text: string): number | undefined {
  const wanted = asked.toLowerCase().replace(/\s+/g, "");
  const among = text.toLowerCase();
  if (!wanted) return 0;
  const whole = among.indexOf(asked.toLowerCase().trim());
  if (whole >= 0) return 1000 - whole - text.length / 100;
  let points = 0;
  let at = -1;
  for (const letter of wanted) {
    const next = among.indexOf(letter, at + 1);
    if (next < 0) return undefined;
    const starts = next === 0 || /[\s\-_/]/.test(among[next - 1] ?? "");
    points += next === at + 1 ? 5 : starts ? 8 : 1;
    at = next;
  }
  return points - text.length / 100;
}

/** Those that fit, the best first; in their own order where they fit alike. */
export function ranked<T>(asked: string, all: readonly T[], text: (one: T) => string): T[] {
  const scored = all.flatMap((one, order) => {
    const points = score(asked, text(one));
    return points === undefined ? [] : [{ one, points, order }];
  });
  scored.sort((one, other) => other.points - one.points || one.order - other.order);
  return scored.map(({ one }) => one);
}
