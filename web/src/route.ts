/** Paths of the console: patterns like `/devices/:id`, without a router library. */

export type Parameters = Readonly<Record<string, string>>;

/** The parameters of `path` by `pattern`; none where it does not fit. */
export function fit(pattern: string, path: string): Parameters | undefined {
  const wanted = pattern.split("/").filter(Boolean);
  const given = path.split("/").filter(Boolean);
  if (wanted.length !== given.length) return undefined;
  const found: Record<string, string> = {};
  for (const [at, part] of wanted.entries()) {
    const is = given[at] ?? "";
    if (!part.startsWith(":")) {
      if (part !== is) return undefined;
      continue;
    }
    try {
      found[part.slice(1)] = decodeURIComponent(is);
    } catch {
      return undefined;
    }
  }
  return found;
}

/** A query without what is empty, in a fixed order, so that the same filters give the same link. */
export function query(of: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(of).filter((entry): entry is [string, string] => Boolean(entry[1]));
  given.sort(([one], [other]) => (one < other ? -1 : 1));
  const text = new URLSearchParams(given).toString();
  return text ? `?${text}` : "";
}

/** A kept place as a place of this console, without why somebody was refused; none where it is something else. */
export function within(place: string): string | undefined {
  // `//host` and `/\host` are other sites to a browser.
  if (!/^\/(?![/\\])/.test(place)) return undefined;
  const [path = "", search = ""] = place.split("?", 2);
  const asked = new URLSearchParams(search);
  asked.delete("refused");
  const rest = asked.toString();
  return path + (rest ? `?${rest}` : "");
}
