import { call, Problem, signed, whenLost } from "./call";
import type { Role, SessionRow } from "./shapes";

const ORDER: readonly Role[] = ["viewer", "clinical", "analyst", "admin"];

/** Who uses the console. */
class Session {
  /** `asking` until the server said; `out`: nobody is signed in; `in`: somebody is. */
  state = $state<"asking" | "out" | "in">("asking");
  who = $state<SessionRow>();
  /** Whether the server has no user yet. */
  first = $state(false);
  /** What people call the identity provider that they can sign in by, where one is set. */
  provider = $state<string>();
  /** Whether the session ended while the console was in use: its page stays, below a sign-in. */
  ended = $state(false);
  /** Why the server could not be asked at all. */
  problem = $state<Problem>();

  constructor() {
    whenLost(() => this.#lost());
  }

  /** Asks the server who we are. */
  async ask(): Promise<void> {
    this.problem = undefined;
    try {
      this.#in(await call<SessionRow>("GET", "/api/v1/session"));
    } catch (thrown) {
      if (!(thrown instanceof Problem)) throw thrown;
      if (thrown.status !== 401) {
        this.problem = thrown;
        return;
      }
      await this.#askWays();
      this.state = "out";
    }
  }

  async #askWays(): Promise<void> {
    try {
      const ways = await call<{ first: boolean; provider?: string | null }>("GET", "/api/v1/setup");
      this.first = ways.first;
      this.provider = ways.provider ?? undefined;
    } catch {
      this.first = false;
    }
  }

  async signIn(name: string, password: string): Promise<void> {
    this.#in(await call<SessionRow>("POST", "/api/v1/session", { name, password }));
  }

  async makeFirst(secret: string, name: string, password: string): Promise<void> {
    this.#in(await call<SessionRow>("POST", "/api/v1/setup", { secret, name, password }));
    this.first = false;
  }

  async changePassword(current: string, fresh: string): Promise<void> {
    this.#in(await call<SessionRow>("PUT", "/api/v1/session/password", { current, new: fresh }));
  }

  async signOut(): Promise<void> {
    await call("DELETE", "/api/v1/session").catch((thrown: unknown) => {
      if (!(thrown instanceof Problem) || thrown.status !== 401) throw thrown;
    });
    signed(undefined);
    this.who = undefined;
    this.ended = false;
    await this.#askWays();
    this.state = "out";
  }

  /** Whether they have at least this role. */
  may(least: Role): boolean {
    return this.who !== undefined && ORDER.indexOf(this.who.role) >= ORDER.indexOf(least);
  }

  #in(who: SessionRow): void {
    signed(who.csrf ?? undefined);
    this.who = who;
    this.ended = false;
    this.state = "in";
  }

  #lost(): void {
    signed(undefined);
    if (this.state !== "in") return;
    this.ended = true;
    void this.#askWays();
  }
}

export const session = new Session();
