// What the visitor thought, until the service has it: kept in the browser, sent in order, tried again.

import { write } from "../shared/kept";

export interface Letter<T> { id: string; at: number; body: T }
export type Outcome = "sent" | "refused" | "later";

const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 30_000;

/** How long to wait before the nth try in a row. */
export const patience = (tries: number): number => Math.min(FIRST_WAIT * 2 ** tries, LONGEST_WAIT);

/** A queue that survives a reload. Each letter has its own place in the storage, so that two tabs lose nothing of each other's. */
export class Outbox<T> {
  private sending = false;
  private tries = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly kept: Storage, private readonly name: string, private readonly send: (letter: Letter<T>) => Promise<Outcome>, private readonly changed: (waiting: number) => void = () => undefined) {}

  /** Oldest first. */
  get letters(): Letter<T>[] {
    const found: Letter<T>[] = [];
    for (let n = 0; n < this.kept.length; n += 1) {
      const key = this.kept.key(n);
      if (!key?.startsWith(`${this.name}.`)) continue;
      try {
        found.push(JSON.parse(this.kept.getItem(key) ?? "") as Letter<T>);
      } catch {
        /* not ours to read */
      }
    }
    return found.sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
  }

  add(letter: Letter<T>): Promise<void> {
    write(this.kept, `${this.name}.${letter.id}`, letter);
    return this.flush();
  }

  /** Send all that waits; what the service refuses for good is let go, what fails otherwise waits longer each time. */
  async flush(): Promise<void> {
    if (this.sending) return;
    this.sending = true;
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    try {
      for (let next = this.letters[0]; next; next = this.letters[0]) {
        const outcome = await this.send(next);
        if (outcome === "later") {
          this.timer = setTimeout(() => void this.flush(), patience(this.tries));
          this.tries += 1;
          return;
        }
        this.tries = 0;
        this.kept.removeItem(`${this.name}.${next.id}`);
      }
    } finally {
      this.sending = false;
      this.changed(this.letters.length);
    }
  }

  clear(): void {
    for (const letter of this.letters) this.kept.removeItem(`${this.name}.${letter.id}`);
  }
}
