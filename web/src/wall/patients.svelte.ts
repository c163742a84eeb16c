import { asProblem, call, type Problem } from "../api/call";

/** Who a patient is, as devices said it: `POST /api/v1/vault/looks`. */
export interface Patient {
  patient: string;
  name: string | null;
  number: string | null;
  bed: number | null;
  first: string;
  last: string;
}

export interface Vault {
  state: "off" | "locked" | "open";
  may_look: boolean;
}

/** For how long a name stays on the screen, in milliseconds. */
const shownMs = 60_000;

/**
 * Names of patients that somebody asked for. Each is a look into the vault, which the server writes down. They are kept here by the
 * keyed hash that a bed shows: a bed that goes on with another patient shows no name. After a minute, and when the page is left, they
 * are gone.
 */
class Patients {
  vault = $state.raw<Vault>();
  problem = $state.raw<Problem>();
  asking = $state(false);
  #told = $state.raw<ReadonlyMap<string, Patient>>(new Map());
  #users = 0;
  #end: ReturnType<typeof setTimeout> | undefined;
  #running: AbortController | undefined;

  /** To be called while a component is set up. */
  use(): void {
    $effect(() => {
      this.#users += 1;
      void this.#ask();
      return () => {
        this.#users -= 1;
        if (this.#users === 0) this.hide();
      };
    });
  }

  /** Who is behind a hash, where that was asked for. */
  of(hash: string | null | undefined): Patient | undefined {
    return hash ? this.#told.get(hash) : undefined;
  }

  get any(): boolean {
    return this.#told.size > 0;
  }

  /** Looks into the vault, one patient after the other; a patient whom nobody knows is passed over. */
  async look(hashes: readonly string[]): Promise<void> {
    this.hide();
    const running = new AbortController();
    this.#running = running;
    this.problem = undefined;
    this.asking = true;
    try {
      for (const patient of new Set(hashes)) {
        const told = await this.#one(patient, running.signal);
        if (running.signal.aborted) return;
        if (told) this.#told = new Map([...this.#told, [patient, told]]);
      }
    } catch (thrown) {
      if (!running.signal.aborted) this.problem = asProblem(thrown);
    } finally {
      if (this.#running === running) {
        this.asking = false;
        this.#end = setTimeout(() => this.hide(), shownMs);
      }
    }
  }

  hide(): void {
    clearTimeout(this.#end);
    this.#running?.abort();
    this.#running = undefined;
    this.asking = false;
    this.#told = new Map();
  }

  async #one(patient: string, signal: AbortSignal): Promise<Patient | undefined> {
    try {
      return await call<Patient>("POST", "/api/v1/vault/looks", { patient }, signal);
    } catch (thrown) {
      const problem = asProblem(thrown);
      if (signal.aborted) return undefined;
      // Named a moment ago, and not in the vault yet; or forgotten.
      if (problem.status === 404) return { patient, name: null, number: null, bed: null, first: "", last: "" };
      throw problem;
    }
  }

  async #ask(): Promise<void> {
    try {
      this.vault = await call<Vault>("GET", "/api/v1/vault");
    } catch {
      // Hashes are shown; there is nothing to add to that.
      this.vault = undefined;
    }
  }
}

export const patients = new Patients();
