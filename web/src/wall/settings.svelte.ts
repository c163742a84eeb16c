/** What somebody chose for the wall on this machine. */
import { colourSets, readColours, type Colours, type Group } from "./numbers";

const coloursKey = "lazaret.wall.colours";
const bedsKey = "lazaret.wall.beds";

function stored(key: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

class Settings {
  colours = $state.raw<Colours>(readColours(stored(coloursKey)));
  /** Beds on a page; none: as many as the screen is for. */
  beds = $state<number | null>(readBeds(stored(bedsKey)));

  choose(name: string): void {
    this.#set(colourSets[name] ?? this.colours);
  }

  colour(group: Group, colour: string): void {
    this.#set(readColours({ ...this.colours, [group]: colour }));
  }

  perPage(beds: number | null): void {
    this.beds = beds;
    localStorage.setItem(bedsKey, JSON.stringify(beds));
  }

  #set(colours: Colours): void {
    this.colours = colours;
    localStorage.setItem(coloursKey, JSON.stringify(colours));
  }
}

export const perPageChoices = [4, 8, 16, 32, 64] as const;

function readBeds(value: unknown): number | null {
  return perPageChoices.find((choice) => choice === value) ?? null;
}

export const settings = new Settings();
