import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { Api, type Place, Refused } from "./api";
import { frames } from "./stream";
import { sentences } from "./text";
import type { Card, Chip, Exchange, Frame, Lang, Notice, Offer, Question, Wish } from "./types";
import { en, type Words } from "./words/en";
import { zh } from "./words/zh";

interface Feedback { id: string; body: { session_id: string; recommendation_id: string; item_id: string; value: string; reason?: string } }
interface StoredTurn { turn: number; kind: "message" | "edit"; text: string; language: Lang; reply: string; items: Card[]; recommendation_id: string | null; question: Question | null; relaxed: Offer[]; notices: Notice[]; feedback: Record<string, string>; undone: boolean; whole: boolean }
interface Stored { session_id: string; constraints: Wish[]; chips: Chip[]; turns: StoredTurn[]; running: boolean; suggestions: string[] }
interface Shown { recommendation_id: string | null; items: Card[] }
interface Understood { session_id: string; language: Lang; constraints: Wish[]; chips: Chip[] }

const fresh = (key: string, kind: Exchange["kind"], text: string, language: Lang): Exchange => ({
  key, kind, text, language, items: [], recommendation: "", reply: "", by: "template", question: null, relaxed: [], notices: [], feedback: {}, state: "waiting", undone: false,
});

/** One conversation and what the page knows around it. Everything on the page is read from here. */
export class Chat {
  readonly api: Api;
  readonly lang: Signal<Lang>;
  readonly words: ReadonlySignal<Words>;
  readonly turns = signal<Exchange[]>([]);
  readonly chips = signal<Chip[]>([]);
  readonly wishes = signal<Wish[]>([]);
  readonly suggestions = signal<string[]>([]);
  readonly openers = signal<string[]>([]);
  readonly busy = signal(false);
  readonly draft: Signal<string>;
  readonly toast = signal<{ text: string; undo: boolean } | null>(null);
  readonly offline = signal(false);
  readonly tray = signal<Card[]>([]);
  readonly said = signal(""); // finished sentences for screen readers
  private session: string;
  private waiting: Feedback[];
  private running: AbortController | null = null;
  private count = 0;
  private told = 0; // characters of the reply that screen readers were told

  constructor(place: Place, readonly kept: Storage, lang: Lang) {
    this.api = new Api(place, kept);
    this.lang = signal(lang);
    this.words = computed(() => (this.lang.value === "zh" ? zh : en));
    this.session = kept.getItem("zhiyin.session") ?? "";
    this.draft = signal(kept.getItem("zhiyin.draft") ?? "");
    this.waiting = JSON.parse(kept.getItem("zhiyin.feedback") ?? "[]") as Feedback[];
    this.draft.subscribe((text) => kept.setItem("zhiyin.draft", text));
  }

  async start(): Promise<void> {
    void this.greet();
    if (this.session) await this.open(this.session);
    void this.flush();
  }

  async greet(): Promise<void> {
    const found = await this.reach(() => this.api.json<{ suggestions: string[] }>(`/v1/suggestions?locale=${this.lang.value}`));
    if (found) this.openers.value = found.suggestions.slice(0, 4);
  }

  /** Show a stored session, and go on with a turn that is still running. */
  async open(session: string): Promise<void> {
    this.running?.abort();
    const found = await this.reach(() => this.api.json<Stored>(`/v1/sessions/${session}`));
    if (!found) {
      if (!this.offline.value) this.forgetSession();
      return;
    }
    this.remember(session);
    this.show(found);
    if (found.running) await this.resume(0);
  }

  async send(text: string): Promise<void> {
    const asked = text.trim();
    if (!asked) return;
    this.draft.value = "";
    await this.turn(fresh(this.key(), "message", asked, /[\u4e00-\u9fff]/.test(asked) ? "zh" : "en"), (signal) =>
      this.api.fetch("/v1/chat", { method: "POST", signal, body: JSON.stringify({ message: { text: asked }, locale: this.lang.value, ...(this.session ? { session_id: this.session } : {}) }) }, true),
    );
  }

  /** Change wishes by hand: the list is ranked again at once, and no model is asked. */
  async edit(change: Record<string, unknown>, text: string): Promise<void> {
    await this.turn(fresh(this.key(), "edit", text, this.lang.value), (signal) =>
      this.api.fetch(`/v1/sessions/${this.session}/constraints`, { method: "PATCH", signal, body: JSON.stringify(change) }, true),
    );
  }

  async removeChip(chip: Chip): Promise<void> {
    this.chips.value = this.chips.value.filter((c) => c.constraint !== chip.constraint);
    await this.edit({ remove: [chip.constraint] }, `− ${chip.label}`);
    this.toast.value = { text: `${this.words.value.removed}: ${chip.label}`, undo: true };
  }

  async undo(): Promise<void> {
    this.toast.value = null;
    const found = await this.reach(() => this.api.json<Stored>(`/v1/sessions/${this.session}/undo`, "POST"));
    if (found) {
      this.show(found);
      this.toast.value = { text: this.words.value.undone, undo: false };
    }
  }

  stop(): void {
    if (!this.busy.value) return;
    this.running?.abort();
    if (this.session) void this.reach(() => this.api.json(`/v1/sessions/${this.session}/stop`, "POST"));
  }

  fresh(): void {
    this.running?.abort();
    this.forgetSession();
    batch(() => {
      this.turns.value = [];
      this.chips.value = [];
      this.wishes.value = [];
      this.suggestions.value = [];
      this.tray.value = [];
    });
  }

  /** An opinion of an item; the same one again takes it back. It is shown at once, and sent when there is a network. */
  judge(turn: Exchange, card: Card, value: string, reason?: string): void {
    const now = turn.feedback[card.id];
    const next = now === value && !reason ? (value === "favourite" ? "unfavourite" : "none") : value;
    const feedback = { ...turn.feedback };
    if (next === "none" || next === "unfavourite") delete feedback[card.id];
    else feedback[card.id] = next;
    this.change(turn.key, { feedback });
    this.waiting.push({ id: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`, body: { session_id: this.session, recommendation_id: turn.recommendation, item_id: card.id, value: next, ...(reason ? { reason } : {}) } });
    void this.flush();
  }

  toggleTray(card: Card): void {
    const held = this.tray.value;
    if (held.some((c) => c.id === card.id)) this.tray.value = held.filter((c) => c.id !== card.id);
    else if (held.length < 4) this.tray.value = [...held, card];
    else this.toast.value = { text: this.words.value.compareHint, undo: false };
  }

  get sessionId(): string {
    return this.session;
  }

  /** What cannot be reached is said once, and kept. */
  async reach<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await work();
      this.offline.value = false;
      return result;
    } catch (error) {
      if (error instanceof Refused) this.toast.value = { text: error.message, undo: false };
      else this.offline.value = true;
      return undefined;
    }
  }

  async flush(): Promise<void> {
    while (this.waiting.length) {
      const next = this.waiting[0] as Feedback;
      this.kept.setItem("zhiyin.feedback", JSON.stringify(this.waiting));
      try {
        await this.api.fetch("/v1/feedback", { method: "POST", body: JSON.stringify(next.body), headers: { "idempotency-key": next.id } });
        this.offline.value = false;
      } catch (error) {
        if (!(error instanceof Refused) || error.status >= 500 || error.status === 429) {
          this.offline.value = !(error instanceof Refused);
          setTimeout(() => void this.flush(), 4000);
          return;
        }
      }
      this.waiting = this.waiting.filter((f) => f.id !== next.id);
    }
    this.kept.setItem("zhiyin.feedback", "[]");
  }

  private key(): string {
    this.count += 1;
    return `n${this.count}`;
  }

  private remember(session: string): void {
    this.session = session;
    this.kept.setItem("zhiyin.session", session);
  }

  private forgetSession(): void {
    this.session = "";
    this.kept.removeItem("zhiyin.session");
  }

  private change(key: string, part: Partial<Exchange>): void {
    this.turns.value = this.turns.value.map((t) => (t.key === key ? { ...t, ...part } : t));
  }

  private show(found: Stored): void {
    batch(() => {
      this.turns.value = found.turns.map((t) => ({
        key: `s${t.turn}`, kind: t.kind, text: t.text, language: t.language, items: t.items, recommendation: t.recommendation_id ?? "", reply: t.reply, by: "template",
        question: t.question, relaxed: t.relaxed, notices: [], feedback: t.feedback, state: t.whole ? "done" : "stopped", undone: t.undone,
      }));
      this.chips.value = found.chips;
      this.wishes.value = found.constraints;
      this.suggestions.value = found.suggestions;
    });
  }

  private async turn(exchange: Exchange, ask: (signal: AbortSignal) => Promise<Response>): Promise<void> {
    this.running?.abort();
    const running = new AbortController();
    this.running = running;
    batch(() => {
      this.turns.value = [...this.turns.value, exchange];
      this.suggestions.value = [];
      this.busy.value = true;
      this.toast.value = null;
    });
    let last = 0;
    try {
      last = await this.read(exchange.key, await ask(running.signal), (n) => (last = n));
      this.offline.value = false;
    } catch (error) {
      if (running.signal.aborted) this.change(exchange.key, { state: "stopped" });
      else if (error instanceof Refused) {
        this.change(exchange.key, { state: "failed" });
        this.toast.value = { text: error.message, undo: false };
        if (error.status === 404) this.forgetSession();
        this.draft.value ||= exchange.kind === "message" ? exchange.text : "";
      } else await this.again(exchange, last);
    } finally {
      if (this.running === running) {
        this.busy.value = false;
        this.running = null;
      }
    }
  }

  /** After a lost connection: the rest of the stream, else what the log has. */
  private async again(exchange: Exchange, last: number): Promise<void> {
    this.offline.value = true;
    for (let tries = 0; tries < 6; tries += 1) {
      await new Promise((done) => setTimeout(done, 400 * 2 ** tries));
      try {
        if (last > 0 && this.session) {
          const rest = await this.api.fetch(`/v1/sessions/${this.session}/stream?after=${last}`, {}, true);
          if (rest.status === 200) await this.read(exchange.key, rest, (n) => (last = n));
          else this.show(await this.api.json<Stored>(`/v1/sessions/${this.session}`));
          this.offline.value = false;
          return;
        }
        await this.api.json("/v1/suggestions");
        this.offline.value = false;
        break;
      } catch (error) {
        if (error instanceof Refused) break;
      }
    }
    this.change(exchange.key, { state: "failed" });
    if (exchange.kind === "message") this.draft.value ||= exchange.text;
  }

  private async resume(after: number): Promise<void> {
    const last = this.turns.value.at(-1);
    const rest = await this.reach(() => this.api.fetch(`/v1/sessions/${this.session}/stream?after=${after}`, {}, true));
    if (!rest || rest.status !== 200) return;
    const key = last && last.state !== "done" ? last.key : this.key();
    if (!this.turns.value.some((t) => t.key === key)) this.turns.value = [...this.turns.value, fresh(key, "message", "", this.lang.value)];
    this.change(key, { reply: "", state: "waiting" });
    this.busy.value = true;
    await this.reach(() => this.read(key, rest, () => undefined));
    this.busy.value = false;
    const found = await this.reach(() => this.api.json<Stored>(`/v1/sessions/${this.session}`));
    if (found) this.show(found);
  }

  private async read(key: string, response: Response, at: (frame: number) => void): Promise<number> {
    let last = 0;
    for await (const [number, frame] of frames(response)) {
      last = number;
      at(number);
      batch(() => this.take(key, frame));
    }
    return last;
  }

  private tell(reply: string): void {
    const [finished, end] = sentences(reply, this.told);
    if (finished) this.said.value = finished;
    this.told = end;
  }

  private take(key: string, frame: Frame): void {
    const turn = this.turns.value.find((t) => t.key === key);
    if (!turn) return;
    switch (frame.type) {
      case "data-understanding": {
        const found = frame.data as Understood;
        this.remember(found.session_id);
        this.chips.value = found.chips;
        this.wishes.value = found.constraints;
        this.change(key, { language: found.language });
        break;
      }
      case "data-items": {
        const shown = frame.data as Shown;
        this.change(key, { items: shown.items, recommendation: shown.recommendation_id ?? "" });
        break;
      }
      case "text-delta":
        this.change(key, { reply: turn.reply + (frame.delta ?? ""), state: "speaking" });
        this.tell(turn.reply + (frame.delta ?? ""));
        break;
      case "text-end":
        this.tell(`${turn.reply}\n`);
        this.told = 0;
        break;
      case "data-question":
        this.change(key, { question: frame.data as Question });
        break;
      case "data-relaxed":
        this.change(key, { relaxed: frame.data as Offer[] });
        break;
      case "data-notice":
        this.change(key, { notices: [...turn.notices, frame.data as Notice] });
        break;
      case "data-suggestions":
        this.suggestions.value = (frame.data as { suggestions: string[] }).suggestions;
        break;
      case "data-done": {
        const done = frame.data as { reply: string; model: { sentences: number } | null };
        this.change(key, { reply: done.reply, by: done.model && done.model.sentences > 0 ? "model" : "template", state: "done" });
        break;
      }
      case "error":
        this.change(key, { state: "failed" });
        this.toast.value = { text: frame.errorText ?? this.words.value.failed, undo: false };
    }
  }
}
