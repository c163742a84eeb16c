/** Requests to the API. Every error is a [`Problem`] that says what to do (RFC 9457). */

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    /** Seconds after which it may go better. */
    readonly retryAfter?: number,
  ) {
    super(detail || title);
  }
}

/** What a session gives to be sent with every change; set by `session`. */
let csrf: string | undefined;
/** Called when the API says that nobody known asks. */
let onLost: () => void = () => undefined;

export function signed(token: string | undefined): void {
  csrf = token;
}

export function whenLost(tell: () => void): void {
  onLost = tell;
}

/** The header that changes need. */
export function csrfHeader(): Record<string, string> {
  return csrf ? { "X-CSRF-Token": csrf } : {};
}

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Asks the API; an answer without a body gives `undefined`. */
export async function call<T>(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json", ...(method === "GET" ? {} : csrfHeader()) };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await ask(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal });
  if (answer.status === 204) return undefined as T;
  return (await answer.json()) as T;
}

/** A file of the API, with the name that it has there. */
export async function fetchFile(path: string, method: Method = "GET", body?: unknown): Promise<{ name: string; blob: Blob }> {
  const headers: Record<string, string> = method === "GET" ? {} : { ...csrfHeader(), "Content-Type": "application/json" };
  const answer = await ask(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const named = /filename="([^"/\\]+)"/.exec(answer.headers.get("Content-Disposition") ?? "");
  return { name: named?.[1] ?? "lazaret", blob: await answer.blob() };
}

async function ask(path: string, request: RequestInit & { method: Method }): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, request);
  } catch (cause) {
    if (request.signal?.aborted) throw cause;
    throw unreachable();
  }
  if (answer.ok) return answer;
  const problem = read(answer.status, await answer.text().catch(() => ""));
  if (answer.status === 401 && !(path === "/api/v1/session" && request.method === "POST")) onLost();
  throw problem;
}

export function unreachable(): Problem {
  return new Problem(0, "unreachable", "The server does not answer", "");
}

/** The problem that an answer carries, whoever wrote it. */
export function read(status: number, text: string): Problem {
  try {
    const sent = JSON.parse(text) as Record<string, unknown>;
    const words = (name: string) => (typeof sent[name] === "string" ? sent[name] : "");
    const after = typeof sent.retry_after === "number" ? sent.retry_after : undefined;
    return new Problem(status, words("code") || "unknown", words("title"), words("detail"), after);
  } catch {
    return new Problem(status, "unknown", "", "");
  }
}

/** `value` as a problem: what was thrown may be anything. */
export function asProblem(value: unknown): Problem {
  if (value instanceof Problem) return value;
  return new Problem(0, "fault", "", value instanceof Error ? value.message : String(value));
}
