/** What of a list is chosen, and where in it the keys are. */

/** `chosen` with `id` in it or out of it. */
export function turned(chosen: ReadonlySet<string>, id: string): ReadonlySet<string> {
  const turned = new Set(chosen);
  if (!turned.delete(id)) turned.add(id);
  return turned;
}

/** All of `ids`, or none where all are chosen. */
export function allTurned(chosen: ReadonlySet<string>, ids: readonly string[]): ReadonlySet<string> {
  return ids.every((id) => chosen.has(id)) ? new Set() : new Set([...chosen, ...ids]);
}

/** What of `chosen` is still shown: nothing is decided about what one does not see. */
export function kept(chosen: ReadonlySet<string>, ids: readonly string[]): ReadonlySet<string> {
  return new Set(ids.filter((id) => chosen.has(id)));
}

/** `step` further from `id` in the list, within it; the first where `id` is not in it. */
export function moved(ids: readonly string[], id: string | undefined, step: number): string | undefined {
  const at = id === undefined ? -1 : ids.indexOf(id);
  if (at < 0) return ids[0];
  return ids[Math.min(ids.length - 1, Math.max(0, at + step))];
}
