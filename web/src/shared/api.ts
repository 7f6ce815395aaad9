// The service, as a page asks it. A visitor is known by a token that this browser keeps.

export interface Place {
  /** Origin of the service; "" is the page's own. */
  server: string;
  /** A browser or admin key; "" for none. */
  key: string;
}

/** A problem that the service named: its own sentence, its code, when it may be asked again, and the fields that are to blame. */
export class Refused extends Error {
  constructor(readonly status: number, readonly code: string, message: string, readonly retryAfter = 0, readonly faults: { field: string; message: string }[] = []) {
    super(message);
  }

  /** Whether the same request may succeed later. */
  get passing(): boolean {
    return this.status >= 500 || this.status === 429 || this.status === 408;
  }
}

interface Ask extends RequestInit {
  stream?: boolean;
}

export class Api {
  private token: string | null;
  private meeting: Promise<void> | null = null;

  /** `visitor` is false for the operator's page, which acts by its key alone. */
  constructor(readonly place: Place, private readonly kept: Storage, private readonly visitor = true) {
    this.token = visitor ? kept.getItem(this.slot) : null;
  }

  /** The answer where it is one, else `Refused`; a TypeError where nothing answers. */
  async fetch(path: string, ask: Ask = {}): Promise<Response> {
    if (this.visitor && !this.token) await this.meet();
    const response = await this.once(path, ask);
    if (response.status === 401 && this.visitor && this.token) {
      this.token = null; // another server, or its secret is a new one
      await this.meet();
      return checked(await this.once(path, ask));
    }
    return checked(response);
  }

  async json<T>(path: string, method = "GET", body?: unknown): Promise<T> {
    const response = await this.fetch(path, { method, body: body === undefined ? null : JSON.stringify(body) });
    return (response.status === 204 ? null : await response.json()) as T;
  }

  private once(path: string, { stream, ...init }: Ask): Promise<Response> {
    const headers = new Headers(init.headers);
    if (init.body) headers.set("content-type", "application/json");
    headers.set("accept", stream ? "text/event-stream" : "application/json");
    if (this.place.key) headers.set("authorization", `Bearer ${this.place.key}`);
    if (this.token) headers.set("x-zhiyin-visitor", this.token);
    return fetch(this.place.server + path, { ...init, headers });
  }

  private get slot(): string {
    return `zhiyin.visitor${this.place.server && `@${this.place.server}`}`;
  }

  private meet(): Promise<void> {
    this.meeting ??= this.once("/v1/visitors", { method: "POST" })
      .then(checked)
      .then((response) => response.json() as Promise<{ token: string }>)
      .then(({ token }) => {
        this.token = token;
        this.kept.setItem(this.slot, token);
      })
      .finally(() => {
        this.meeting = null;
      });
    return this.meeting;
  }
}

async function checked(response: Response): Promise<Response> {
  if (response.ok) return response;
  const problem = (await response.json().catch(() => ({}))) as { detail?: string; title?: string; code?: string; errors?: { field: string; message: string }[] };
  const wait = Number(response.headers.get("retry-after") ?? 0);
  throw new Refused(response.status, problem.code ?? "", problem.detail || problem.title || String(response.status), wait || 0, problem.errors);
}
