import { computed, signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { Api, Refused } from "../shared/api";
import { fill, type Lang } from "../shared/format";
import { inMemory } from "../shared/kept";
import type { Look } from "../shared/look";
import { en, type AdminWords } from "../words/admin-en";
import { zh } from "../words/admin-zh";
import { readRoute, type Route } from "./route";

const SLOT = "zhiyin.admin";

/** A field that the service found wrong. */
export interface Fault { field: string; message: string }

/** What every page of the operator shares: the way to the service, the key, the words, where we are. */
export class Desk {
  readonly key = signal("");
  /** Why a key is asked for; "" where none is. */
  readonly locked = signal<"" | "needed" | "wrong" | "forbidden">("");
  readonly route = signal<Route>(readRoute(location.hash));
  readonly toast = signal<{ text: string; bad: boolean } | null>(null);
  readonly words = computed<AdminWords>(() => (this.look.lang.value === "zh" ? zh : en));
  private readonly api = computed(() => new Api({ server: "", key: this.key.value }, inMemory(), false));

  constructor(private readonly tab: Storage, readonly look: Look) {
    this.key.value = tab.getItem(SLOT) ?? "";
    addEventListener("hashchange", () => (this.route.value = readRoute(location.hash)));
  }

  get lang(): Lang {
    return this.look.lang.value;
  }

  /** Use another key, for this tab only; "" forgets it. */
  unlock(key: string): void {
    if (key) this.tab.setItem(SLOT, key);
    else this.tab.removeItem(SLOT);
    this.key.value = key;
    this.locked.value = "";
  }

  async json<T>(path: string, method = "GET", body?: unknown): Promise<T> {
    return this.watched(() => this.api.value.json<T>(path, method, body));
  }

  async blob(path: string): Promise<Blob> {
    return this.watched(async () => (await this.api.value.fetch(path)).blob());
  }

  tell(text: string, bad = false): void {
    this.toast.value = { text, bad };
  }

  /** The sentence for a failure. */
  sentence(error: unknown): string {
    return error instanceof Refused ? error.message : this.words.value.unreached;
  }

  /** The word for a code of the service; the code itself where there is none. */
  named(family: string, code: string): string {
    const all = this.words.value as Record<string, string>;
    return all[`${family}_${code}`] ?? code.replaceAll("_", " ");
  }

  private async watched<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof Refused && (error.status === 401 || error.status === 403)) this.locked.value = error.status === 403 ? "forbidden" : this.key.value ? "wrong" : "needed";
      throw error;
    }
  }
}

export interface Loaded<T> {
  value: T | null;
  fault: string;
  busy: boolean;
  /** When the value came. */
  at: Date | null;
  again: () => void;
}

/** What the service answers to a GET, asked again when the path or the key changes; an older value stays until the new one is there. */
export function useLoaded<T>(desk: Desk, path: string | null): Loaded<T> {
  const [state, set] = useState<{ path: string | null; value: T | null; fault: string; busy: boolean; at: Date | null }>({ path, value: null, fault: "", busy: path !== null, at: null });
  const [round, next] = useState(0);
  const key = desk.key.value;
  useEffect(() => {
    if (path === null) return;
    let current = true;
    set((was) => ({ ...was, path, value: was.path === path ? was.value : null, fault: "", busy: true }));
    desk.json<T>(path).then(
      (value) => current && set({ path, value, fault: "", busy: false, at: new Date() }),
      (error: unknown) => current && set((was) => ({ ...was, fault: desk.sentence(error), busy: false })),
    );
    return () => {
      current = false;
    };
  }, [path, key, round]);
  return { value: state.path === path ? state.value : null, fault: state.fault, busy: state.busy, at: state.at, again: () => next((n) => n + 1) };
}

/** A listing by pages: all that was fetched so far, and how to get more. */
export function useListed<T>(desk: Desk, path: string | null, rows: string): Loaded<T[]> & { more: (() => void) | null } {
  const first = useLoaded<Record<string, unknown>>(desk, path);
  const [rest, set] = useState<{ of: unknown; rows: T[]; cursor: string | null }>({ of: null, rows: [], cursor: null });
  const mine = rest.of === first.value ? rest : { rows: [], cursor: (first.value?.["next_cursor"] as string | null | undefined) ?? null };
  const more = (): void => {
    if (!path || !mine.cursor) return;
    const of = first.value;
    desk.json<Record<string, unknown>>(`${path}${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(mine.cursor)}`).then(
      (page) => set({ of, rows: [...mine.rows, ...((page[rows] as T[] | undefined) ?? [])], cursor: (page["next_cursor"] as string | null | undefined) ?? null }),
      (error: unknown) => desk.tell(desk.sentence(error), true),
    );
  };
  return { ...first, value: first.value ? [...((first.value[rows] as T[] | undefined) ?? []), ...mine.rows] : null, more: mine.cursor ? more : null };
}

/** The fields that a refusal names. */
export const faultsOf = (error: unknown): Fault[] => (error instanceof Refused ? error.faults : []);

export { fill };
