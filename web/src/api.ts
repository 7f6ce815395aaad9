// The service, as the page asks it. A visitor is known by a token that this browser keeps.

export interface Place { server: string; key: string }

export class Refused extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

export class Api {
  private token: string | null;
  constructor(private place: Place, private kept: Storage) {
    this.token = kept.getItem("zhiyin.visitor");
  }

  /** The answer where it is one, else `Refused` with the problem's own sentence; a TypeError where nothing answers. */
  async fetch(path: string, init: RequestInit = {}, stream = false): Promise<Response> {
    if (!this.token && path !== "/v1/visitors") await this.meet();
    const headers = new Headers(init.headers);
    if (init.body) headers.set("content-type", "application/json");
    if (stream) headers.set("accept", "text/event-stream");
    if (this.place.key) headers.set("authorization", `Bearer ${this.place.key}`);
    if (this.token) headers.set("x-zhiyin-visitor", this.token);
    const response = await fetch(this.place.server + path, { ...init, headers });
    if (response.status === 401 && this.token && path !== "/v1/visitors") {
      this.token = null; // another server, or its secret is a new one
      await this.meet();
      headers.set("x-zhiyin-visitor", this.token ?? "");
      return this.checked(await fetch(this.place.server + path, { ...init, headers }));
    }
    return this.checked(response);
  }

  async json<T>(path: string, method = "GET", body?: unknown): Promise<T> {
    const response = await this.fetch(path, { method, body: body === undefined ? null : JSON.stringify(body) });
    return (response.status === 204 ? null : await response.json()) as T;
  }

  private async meet(): Promise<void> {
    const { token } = await this.json<{ token: string }>("/v1/visitors", "POST");
    this.token = token;
    this.kept.setItem("zhiyin.visitor", token);
  }

  private async checked(response: Response): Promise<Response> {
    if (response.ok) return response;
    const problem = (await response.json().catch(() => ({}))) as { detail?: string; title?: string };
    throw new Refused(response.status, problem.detail ?? problem.title ?? String(response.status));
  }
}
