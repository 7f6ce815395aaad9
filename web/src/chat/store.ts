import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import { Api, type Place, Refused } from "../shared/api";
import { fill, languageOf } from "../shared/format";
import { read, write } from "../shared/kept";
import type { Look } from "../shared/look";
import { frames } from "../shared/stream";
import { en, type Words } from "../words/en";
import { zh } from "../words/zh";
import { titleOf } from "./facts";
import { type Letter, Outbox, type Outcome } from "./outbox";
import { sentences } from "./said";
import { type Address, Tabs } from "./tabs";
import type { Card, Chip, Greeting, Offer, Opinion, Option, Question, Stored, Turn, Understood, Verdict, View, Wish } from "./types";
import { begin, change, drop, EMPTY, fresh, judged, pressed, restored, take } from "./view";

interface Feedback { session_id: string; recommendation_id: string; item_id: string; value: Verdict; reason?: string }
/** What is under way, kept so that a reload finds it again. */
interface Underway { session: string; kind: Turn["kind"]; text: string; path: string; method: string; body: string; known: number }
interface Toast { text: string; undo: boolean }

const LONGEST_WAIT = 15_000;

/** One conversation and what the page knows around it. Everything drawn is read from here. */
export class Chat {
  readonly api: Api;
  readonly words: ReadonlySignal<Words>;
  readonly view = signal<View>(EMPTY);
  readonly session = signal("");
  readonly greeting = signal<Greeting | null>(null);
  readonly busy = signal(false);
  readonly opening = signal(false);
  readonly draft = signal("");
  readonly toast = signal<Toast | null>(null);
  readonly offline = signal(false);
  readonly tray = signal<Card[]>([]);
  readonly skipped = signal<Record<string, true>>({});
  /** Whether there is little room, as on a phone. */
  readonly narrow = signal(false);
  /** Finished sentences, for screen readers. */
  readonly told = signal("");
  /** Grows with every turn that the visitor began, so that the list can go to it. */
  readonly mine = signal(0);
  /** Grows when the list of conversations may have changed. */
  readonly listed = signal(0);
  private readonly outbox: Outbox<Feedback>;
  private readonly tabs: Tabs;
  private running: AbortController | null = null;
  private wake: (() => void) | null = null;
  private started = false;
  private count = 0;
  private place = 0; // characters of the reply that screen readers were told

  /** `kept` is the browser's, `tab` what this tab alone keeps; a widget has no `address` of its own. */
  constructor(place: Place, readonly kept: Storage, readonly look: Look, tab: Storage = kept, private readonly address?: Address) {
    this.api = new Api(place, kept);
    this.words = computed(() => (look.lang.value === "zh" ? zh : en));
    this.session.value = address?.read() || (kept.getItem("zhiyin.session") ?? "");
    this.draft.value = tab.getItem("zhiyin.draft") ?? kept.getItem("zhiyin.draft") ?? "";
    this.draft.subscribe((text) => new Set([kept, tab]).forEach((store) => store.setItem("zhiyin.draft", text)));
    this.tabs = new Tabs(place.server, (session) => void this.elsewhere(session));
    this.outbox = new Outbox<Feedback>(kept, "zhiyin.feedback", (letter) => this.deliver(letter));
  }

  /** Everything that happens when a page opens, besides the greeting: the conversation of before, feedback that still waits. */
  async start(): Promise<void> {
    if (this.started) return; // a widget that was closed and is opened again goes on
    this.started = true;
    void this.outbox.flush();
    this.address?.write(this.session.value, true);
    this.address?.moved((session) => void (session ? this.open(session) : this.fresh()));
    if (this.session.value) await this.reopen();
  }

  /** Another tab went on with this conversation: show what came of it. */
  private async elsewhere(session: string): Promise<void> {
    if (session !== this.session.value || this.busy.value) return;
    const found = await this.reach(() => this.stored());
    if (found && session === this.session.value && !this.busy.value && !found.running) this.show(found);
  }

  async greet(): Promise<void> {
    const found = await this.reach(() => this.api.json<Greeting>(`/v1/suggestions?locale=${this.look.lang.value}`));
    if (found) this.greeting.value = found;
  }

  /** The network is back. */
  online(): void {
    this.offline.value = false;
    this.wake?.();
    void this.outbox.flush();
    if (!this.greeting.value) void this.greet();
  }

  // --- saying and changing ---

  async send(text: string): Promise<void> {
    const asked = text.trim();
    if (!asked) return;
    if (asked === this.draft.value.trim()) this.draft.value = "";
    const began = !this.session.value;
    const session = this.session.value || crypto.getRandomValues(new Uint32Array(4)).reduce((id, part) => id + part.toString(16).padStart(8, "0"), "");
    this.remember(session);
    // The AI SDK's shape lets the page name the session, so that a first message whose answer got lost is found again.
    const body = { id: session, messages: [{ role: "user", parts: [{ type: "text", text: asked }] }], locale: this.look.lang.value };
    await this.turn(fresh(this.key(), "message", asked, languageOf(asked)), "/v1/chat", "POST", body);
    if (began) this.listed.value += 1;
  }

  /** Change wishes by hand: the list is ranked again at once, and no model is asked. */
  async edit(change: Record<string, unknown>, text: string, said?: string): Promise<void> {
    const done = await this.turn(fresh(this.key(), "edit", text, this.look.lang.value), `/v1/sessions/${this.session.value}/constraints`, "PATCH", change);
    if (done && said) this.toast.value = { text: said, undo: true };
  }

  removeChip(chip: Chip): Promise<void> {
    const text = fill(this.words.value.removed, { label: chip.label });
    this.view.value = { ...this.view.value, chips: this.view.value.chips.filter((one) => one.constraint !== chip.constraint) };
    return this.edit({ remove: [chip.constraint] }, text, text);
  }

  clearChips(): Promise<void> {
    const text = this.words.value.cleared;
    this.view.value = { ...this.view.value, chips: [] };
    return this.edit({ clear: true }, text, text);
  }

  harden(chip: Chip, wish: Wish): Promise<void> {
    const w = this.words.value;
    return this.edit({ change: [{ id: wish.id, hard: !wish.hard }] }, `${chip.label}${this.look.lang.value === "zh" ? "：" : ": "}${wish.hard ? w.nice : w.must}`);
  }

  revalue(chip: Chip, value: number): Promise<void> {
    return this.edit({ change: [{ id: chip.constraint, value }] }, fill(this.words.value.changed, { label: chip.label }));
  }

  answer(question: Question, option: Option): Promise<void> {
    return this.edit({ answer: { field: question.field, value: option.value } }, option.label);
  }

  /** A question is never asked twice, so that where items are shown already nothing needs to be sent. */
  skip(turn: Turn): Promise<void> {
    this.skipped.value = { ...this.skipped.value, [`${turn.recommendation}/${turn.text}`]: true };
    return turn.items.length ? Promise.resolve() : this.send(this.words.value.skipQuestion);
  }

  accept(offer: Offer, place: number): Promise<void> {
    return this.edit({ accept: place }, offer.text);
  }

  moreLike(card: Card): Promise<void> {
    return this.send(fill(this.words.value.moreText, { title: titleOf(card, this.look.lang.value) }));
  }

  async undo(): Promise<void> {
    this.toast.value = null;
    if (!this.session.value) return;
    const found = await this.reach(() => this.api.json<Stored>(`/v1/sessions/${this.session.value}/undo`, "POST"));
    if (found) {
      this.show(found);
      this.tabs.tell(this.session.value);
      this.toast.value = { text: this.words.value.undone, undo: false };
    }
  }

  /** Stop at once; what came so far stays. */
  stop(): void {
    if (!this.busy.value) return;
    this.running?.abort();
    if (this.session.value) void this.reach(() => this.api.json(`/v1/sessions/${this.session.value}/stop`, "POST"));
  }

  retry(turn: Turn): Promise<void> {
    this.view.value = drop(this.view.value, turn.key);
    if (this.draft.value.trim() === turn.text) this.draft.value = "";
    return this.send(turn.text);
  }

  // --- opinions ---

  /** An opinion of an item; the same again takes it back. It is shown at once, and sent when there is a network. */
  judge(turn: Turn, card: Card, verdict: Opinion | "favourite", reason?: string): void {
    const value = reason ? verdict : pressed(this.view.value, card.id, verdict);
    this.view.value = judged(this.view.value, card.id, value);
    this.toast.value = null;
    this.post({ session_id: this.session.value, recommendation_id: turn.recommendation, item_id: card.id, value, ...(reason ? { reason } : {}) });
  }

  post(body: Feedback): void {
    const id = Array.from(crypto.getRandomValues(new Uint32Array(3)), (part) => part.toString(36)).join("");
    void this.outbox.add({ id, at: Date.now(), body });
  }

  /** An opinion was taken back elsewhere (on the page of what is known). */
  forgotten(item: string, value: Verdict): void {
    this.view.value = judged(this.view.value, item, value);
  }

  toggleTray(card: Card): void {
    const held = this.tray.value;
    if (held.some((one) => one.id === card.id)) this.tray.value = held.filter((one) => one.id !== card.id);
    else if (held.length < 4) this.tray.value = [...held, card];
    else this.toast.value = { text: this.words.value.full, undo: false };
  }

  // --- conversations ---

  fresh(): void {
    this.leave();
    this.remember("");
  }

  private leave(): void {
    this.running?.abort();
    batch(() => {
      write(this.kept, underwayOf(this.session.value), null);
      this.view.value = EMPTY;
      this.tray.value = [];
      this.toast.value = null;
      this.opening.value = false;
    });
  }

  async open(session: string): Promise<void> {
    if (session === this.session.value && this.view.value.turns.length) return;
    this.leave();
    this.remember(session);
    await this.reopen();
  }

  /** Everything of this visitor is gone from the service: nothing of it stays here. */
  erased(): void {
    this.outbox.clear();
    this.fresh();
    this.draft.value = "";
    this.listed.value += 1;
    this.toast.value = { text: this.words.value.erased, undo: false };
  }

  /** Ask the service; what it refuses is said, what cannot be reached is shown as being offline. */
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

  // --- the machinery of a turn ---

  private key(): string {
    this.count += 1;
    return `n${this.count}`;
  }

  private remember(session: string, replacing = false): void {
    this.session.value = session;
    this.address?.write(session, replacing);
    if (session) this.kept.setItem("zhiyin.session", session);
    else this.kept.removeItem("zhiyin.session");
  }

  private show(found: Stored): void {
    this.view.value = restored(found);
  }

  /** The stored session, or null where there is none (yet, or any more). */
  private async stored(): Promise<Stored | null> {
    try {
      return await this.api.json<Stored>(`/v1/sessions/${this.session.value}`);
    } catch (error) {
      if (error instanceof Refused && error.status === 404) return null;
      throw error;
    }
  }

  /** The conversation of before, and the turn that a reload cut off: it is read on, found in the log, or sent again. */
  private async reopen(): Promise<void> {
    const session = this.session.value;
    const under = read<Underway | null>(this.kept, underwayOf(session), null);
    this.opening.value = true;
    for (let tries = 0; ; tries += 1) {
      const answer = await this.reach(async () => ({ found: await this.stored() }));
      if (this.session.value !== session) return;
      if (!answer) {
        await this.pause(tries);
        continue;
      }
      this.opening.value = false;
      if (answer.found) this.show(answer.found);
      if (under?.session === session) await this.turn(fresh(this.key(), under.kind, under.text, languageOf(under.text)), under.path, under.method, under.body, true);
      else if (answer.found?.running) await this.turn(fresh(this.key(), "message", "", this.look.lang.value), "", "", "", true);
      else if (!answer.found) {
        this.remember("", true);
        this.toast.value = { text: this.words.value.gone, undo: false };
      }
      return;
    }
  }

  /** Begin a turn, or go on with one that was under way, and see it to its end. True where it came to one. */
  private async turn(turn: Turn, path: string, method: string, body: unknown, resuming = false): Promise<boolean> {
    this.running?.abort();
    const running = new AbortController();
    const session = this.session.value;
    this.running = running;
    batch(() => {
      this.view.value = begin({ ...this.view.value, turns: this.view.value.turns.map((t) => (isOpen(t) ? { ...t, phase: "stopped" as const } : t)) }, turn);
      this.busy.value = true;
      this.toast.value = null;
      this.mine.value += 1;
    });
    const known = resuming ? read<Underway | null>(this.kept, underwayOf(session), null)?.known ?? 0 : this.view.value.turns.filter((t) => t.phase !== "failed").length - 1;
    const ask = { session, kind: turn.kind, text: turn.text, path, method, body: typeof body === "string" ? body : JSON.stringify(body), known };
    write(this.kept, underwayOf(session), ask);
    try {
      await this.see(turn.key, ask, running.signal, resuming);
      return true;
    } catch (error) {
      if (running.signal.aborted) this.view.value = change(this.view.value, turn.key, (t) => (isOpen(t) ? { phase: "stopped" } : {}));
      else this.failed(turn, error);
      return false;
    } finally {
      if (this.running === running) {
        write(this.kept, underwayOf(session), null);
        this.busy.value = false;
        this.running = null;
        this.tabs.tell(session);
      }
    }
  }

  /** Ask and read; where the connection breaks, wait for it and find out what became of the turn. */
  private async see(key: string, ask: Underway, signal: AbortSignal, resuming: boolean): Promise<void> {
    let last = 0;
    const read = async (response: Response): Promise<void> => {
      for await (const [place, frame] of frames(response)) {
        if (signal.aborted) return;
        if (place) last = place;
        batch(() => this.hear(key, frame));
      }
    };
    let lost = resuming;
    for (let tries = 0; ; tries += 1) {
      try {
        if (!lost) return await read(await this.api.fetch(ask.path, { method: ask.method, body: ask.body, signal, stream: true }));
        const found = await this.stored();
        signal.throwIfAborted();
        this.offline.value = false;
        if (found?.running) {
          const rest = await this.api.fetch(`/v1/sessions/${ask.session}/stream?after=${last}`, { signal, stream: true, headers: { "last-event-id": String(last) } });
          if (rest.status === 200) return await read(rest);
        } else if (found && found.turns.length > ask.known) return this.show(found); // it is in the log, whole or as far as it came
        else if (ask.path) lost = false; // it never arrived: say it again
        else return;
      } catch (error) {
        if (signal.aborted || (error instanceof Refused && !error.passing)) throw error;
        if (error instanceof Refused && tries > 2) throw error;
        lost = true;
        this.offline.value = !(error instanceof Refused);
        await this.pause(error instanceof Refused ? Math.max(tries, Math.log2(error.retryAfter || 1)) : tries, signal);
      }
    }
  }

  /** Wait a while, longer each time; less where the network comes back. */
  private pause(tries: number, signal?: AbortSignal): Promise<void> {
    return new Promise((done, stop) => {
      const timer = setTimeout(done, Math.min(500 * 2 ** tries, LONGEST_WAIT));
      this.wake = () => {
        clearTimeout(timer);
        done();
      };
      signal?.addEventListener("abort", () => {
        clearTimeout(timer);
        stop(signal.reason as Error);
      });
    });
  }

  private failed(turn: Turn, error: unknown): void {
    const fault = error instanceof Refused ? error.message : "";
    batch(() => {
      this.view.value = change(this.view.value, turn.key, { phase: "failed", fault });
      if (turn.kind === "message") this.draft.value ||= turn.text;
      if (error instanceof Refused && error.status === 404) this.remember(""); // the session is gone: the next message begins another
    });
  }

  private hear(key: string, frame: Parameters<typeof take>[2]): void {
    const turn = this.view.value.turns.find((one) => one.key === key);
    if (frame.type === "data-understanding") this.remember((frame.data as Understood).session_id);
    this.view.value = take(this.view.value, key, frame);
    if (frame.type === "text-start") this.place = 0;
    if (frame.type === "text-delta") this.tell((turn?.reply ?? "") + (frame.delta ?? ""));
    if (frame.type === "text-end") this.tell(`${turn?.reply ?? ""}\n`);
  }

  private tell(reply: string): void {
    const [finished, end] = sentences(reply, this.place);
    if (finished) this.told.value = finished;
    this.place = end;
  }

  private async deliver(letter: Letter<Feedback>): Promise<Outcome> {
    try {
      await this.api.fetch("/v1/feedback", { method: "POST", body: JSON.stringify(letter.body), headers: { "idempotency-key": letter.id } });
      if (!this.busy.value) this.offline.value = false;
      this.tabs.tell(letter.body.session_id);
      return "sent";
    } catch (error) {
      if (error instanceof Refused) return error.passing || error.code === "conflict" ? "later" : "refused";
      this.offline.value = true;
      return "later";
    }
  }
}

const underwayOf = (session: string): string => `zhiyin.underway.${session}`;
const isOpen = (turn: Turn): boolean => turn.phase === "waiting" || turn.phase === "cards" || turn.phase === "speaking";
