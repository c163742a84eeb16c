/** Captures on their way to the server. They go on while other pages are open. */
import { asProblem, call, Problem } from "./api/call";
import { live } from "./api/live.svelte";
import type { ScanList, ScanRow } from "./api/shapes";
import { upload, type Upload } from "./api/upload";
import { problemText } from "./problems";
import { toasts } from "./toasts.svelte";
import { words } from "./words";

export interface Sending {
  id: number;
  name: string;
  sent: number;
  total: number;
  wrong?: string;
}

/** How often it is asked how scans go, while one goes. */
const LOOK_MS = 700;
const ENDED: readonly ScanRow["stage"][] = ["done", "failed"];

class Uploads {
  /** Those being sent, and those that could not be. */
  sending = $state<Sending[]>([]);
  /** What the server scans and scanned, the newest first. */
  scans = $state.raw<readonly ScanRow[]>([]);
  #uploads = new Map<number, Upload>();
  #last = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Sends them, one after another: the server scans one at a time. */
  async send(files: Iterable<File>): Promise<void> {
    const rows = [...files].map((file) => ({ file, row: { id: ++this.#last, name: file.name, sent: 0, total: file.size } }));
    this.sending.push(...rows.map(({ row }) => row));
    for (const { file, row } of rows) {
      if (this.sending.some((one) => one.id === row.id)) await this.#one(file, row.id);
    }
  }

  cancel(id: number): void {
    this.#uploads.get(id)?.abort();
    this.sending = this.sending.filter((one) => one.id !== id);
  }

  async #one(file: File, id: number): Promise<void> {
    const set = (change: Partial<Sending>) => {
      const at = this.sending.findIndex((one) => one.id === id);
      if (at >= 0) Object.assign(this.sending[at] as Sending, change);
    };
    const going = upload(file, (sent, total) => set({ sent, total }));
    this.#uploads.set(id, going);
    try {
      await going.done;
      this.sending = this.sending.filter((one) => one.id !== id);
    } catch (thrown) {
      const problem = asProblem(thrown);
      if (!(problem instanceof Problem && problem.code === "aborted")) set({ wrong: problemText(problem).text });
    } finally {
      this.#uploads.delete(id);
    }
    await this.look();
  }

  /** Asks how scans go, and again while one goes. */
  async look(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      const { scans } = await call<ScanList>("GET", "/api/v1/scans");
      for (const scan of scans) this.#ended(scan);
      this.scans = scans;
    } catch {
      // Asked again below, while something goes on.
    }
    if (this.sending.some((one) => !one.wrong) || this.scans.some((scan) => !ENDED.includes(scan.stage))) {
      this.#timer = setTimeout(() => void this.look(), LOOK_MS);
    }
  }

  /** Tells of a scan that ended since it was last looked at. */
  #ended(scan: ScanRow): void {
    const before = this.scans.find((one) => one.id === scan.id);
    if (!before || ENDED.includes(before.stage) || !ENDED.includes(scan.stage)) return;
    if (scan.stage === "done") {
      toasts.done(words.captures.done(scan.name, scan.result?.new ?? 0));
      live.changes++;
    } else toasts.problem(words.captures.failed(scan.name));
  }
}

export const uploads = new Uploads();
