/** Short messages about what was done, with a way to take it back. */
import { words } from "./words";

export interface Toast {
  id: number;
  text: string;
  kind: "done" | "problem";
  undo?: () => Promise<void>;
}

/** How long one stays, where it can be taken back and where not. */
const UNDO_MS = 12_000;
const STAY_MS = 6_000;
/** Our limit; the oldest goes. */
const TOASTS_MAX = 4;

class Toasts {
  list = $state.raw<readonly Toast[]>([]);
  #last = 0;
  #timers = new Map<number, ReturnType<typeof setTimeout>>();

  done(text: string, undo?: () => Promise<void>): void {
    this.#add({ id: ++this.#last, text, kind: "done", undo }, undo ? UNDO_MS : STAY_MS);
  }

  problem(text: string): void {
    this.#add({ id: ++this.#last, text, kind: "problem" }, UNDO_MS);
  }

  close(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }

  async undo(toast: Toast): Promise<void> {
    this.close(toast.id);
    try {
      await toast.undo?.();
      this.done(words.undone);
    } catch (thrown) {
      this.problem(thrown instanceof Error ? thrown.message : String(thrown));
    }
  }

  /** Takes back what can still be taken back last: Ctrl+Z. */
  undoLast(): void {
    const last = this.list.findLast((toast) => toast.undo);
    if (last) void this.undo(last);
  }

  #add(toast: Toast, stay: number): void {
    this.list = [...this.list, toast].slice(-TOASTS_MAX);
    this.hold(toast.id, stay);
  }

  /** While somebody points at it, it stays. */
  hold(id: number, stay?: number): void {
    clearTimeout(this.#timers.get(id));
    if (stay !== undefined) this.#timers.set(id, setTimeout(() => this.close(id), stay));
  }
}

export const toasts = new Toasts();
