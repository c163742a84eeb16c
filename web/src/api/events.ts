/** Server-sent events, read by `fetch`: every kind of event, which `EventSource` tells only by name. */

export interface ServerEvent {
  id?: string;
  data: string;
}

/** Longest event that is kept, in characters. Our limit; a longer one is dropped. */
const EVENT_MAX = 1 << 20;

/** Puts events together from pieces of a stream (HTML standard, "server-sent events"). */
export class EventReader {
  #rest = "";

  read(piece: string): ServerEvent[] {
    this.#rest = (this.#rest + piece).replace(/\r\n|\r(?!$)/g, "\n");
    const events: ServerEvent[] = [];
    let end: number;
    while ((end = this.#rest.indexOf("\n\n")) >= 0) {
      const event = one(this.#rest.slice(0, end));
      this.#rest = this.#rest.slice(end + 2);
      if (event) events.push(event);
    }
    if (this.#rest.length > EVENT_MAX) this.#rest = "";
    return events;
  }
}

function one(text: string): ServerEvent | undefined {
  const data: string[] = [];
  let id: string | undefined;
  for (const line of text.split("\n")) {
    if (line.startsWith(":")) continue;
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") data.push(value);
    if (name === "id") id = value;
  }
  return data.length ? { id, data: data.join("\n") } : undefined;
}
