import type { ComponentChildren } from "preact";
import { number } from "../shared/format";
import { type Desk, fill, type Loaded } from "./desk";
import type { Piece } from "./sums";
import type { Value } from "./types";

const TONES = [0, 4, 3, 2, 5, 7, 6, 1]; // neighbours on a bar are told apart; red comes last, for it is taken for an alarm

/** Something that is still coming, did not come, or is there. */
export function Wait<T>({ desk, of, children }: { desk: Desk; of: Loaded<T>; children: (value: T) => ComponentChildren }) {
  const w = desk.words.value;
  return (
    <>
      {of.fault ? <p class="fault" role="alert">{of.fault} <button type="button" class="pill" onClick={of.again}>{w.retry}</button></p> : null}
      {of.value !== null ? children(of.value) : of.busy ? <p class="soft" role="status">{w.loading}</p> : null}
    </>
  );
}

/** A table that scrolls by itself where it is too wide, with a name. */
export function Table({ name, head, children, numbers = [] }: { name: string; head: readonly string[]; children: ComponentChildren; numbers?: readonly number[] }) {
  return (
    <div class="over" role="region" aria-label={name} tabIndex={0}>
      <table>
        <caption class="sr">{name}</caption>
        <thead><tr>{head.map((one, n) => <th key={n} scope="col" class={numbers.includes(n) ? "num" : undefined}>{one}</th>)}</tr></thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

/** A share as a bar; the words beside it say it too. */
export function Bar({ share, tone = 0 }: { share: number; tone?: number }) {
  return <span class="bar" aria-hidden="true"><i class={`tone${tone}`} style={{ width: `${Math.max(0, Math.min(1, share)) * 100}%` }} /></span>;
}

/** Pieces end to end on one bar; `tones` keeps a name in its colour from bar to bar. */
export function Stack({ pieces, tones, label }: { pieces: readonly Piece[]; tones: (name: string) => number; label: string }) {
  return (
    <span class="stack" role="img" aria-label={label}>
      {pieces.map((piece) => <i key={piece.name} class={`tone${tones(piece.name)}`} title={piece.name} style={{ insetInlineStart: `${piece.from}%`, width: `${piece.width}%` }} />)}
    </span>
  );
}

/** Colours for names by their place in a list; what is not in it has the last. */
export const toned = (order: readonly string[]) => (name: string): number => TONES[(order.includes(name) ? order.indexOf(name) : TONES.length - 2) % TONES.length] ?? 0;

/** Every source has its colour, wherever it is shown. */
export const sourceTone = toned(["wish", "popular", "taste", "dense", "near", "collaborative", "central", "similar", "keyword", "order", "rewritten", "guess", "model"]);

export function Flag({ desk, flag }: { desk: Desk; flag: string }) {
  return <span class={`flag ${flag}`}>{desk.named("flag", flag)}</span>;
}

/** A choice among few, as a row of buttons. */
export function Choice<T extends string>({ name, all, chosen, label, choose }: { name: string; all: readonly T[]; chosen: T; label: (one: T) => string; choose: (one: T) => void }) {
  return (
    <div class="choices" role="group" aria-label={name}>
      {all.map((one) => <button key={one} type="button" aria-pressed={one === chosen} onClick={() => choose(one)}>{label(one)}</button>)}
    </div>
  );
}

export function More({ desk, more }: { desk: Desk; more: (() => void) | null }) {
  return more ? <button type="button" class="pill" onClick={more}>{desk.words.value.more}</button> : null;
}

export const percent = (share: number | null, desk: Desk): string =>
  share === null ? "–" : new Intl.NumberFormat(desk.lang, { style: "percent", maximumFractionDigits: share < 0.1 ? 1 : 0 }).format(share);

export function millis(value: number | null | undefined, desk: Desk): string {
  if (value === null || value === undefined) return "–";
  return value < 1000 ? `${number(value < 10 ? Math.round(value * 10) / 10 : Math.round(value), desk.lang)} ms` : `${number(Math.round(value / 10) / 100, desk.lang)} s`;
}

export function shown(value: Value | undefined | unknown): string {
  if (value === null || value === undefined) return "–";
  if (Array.isArray(value)) return value.map(shown).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** A wish in the house's signs, as the domain's fields have it. */
export function wishText(wish: { field: string; op: string; value: Value; label?: string }): string {
  if (wish.label) return wish.label;
  if (wish.op === "between" && Array.isArray(wish.value)) return `${wish.field} ${wish.value.join("–")}`;
  return `${wish.field} ${({ "<=": "≤", ">=": "≥", any_of: "∈", none_of: "∉", all_of: "⊇", like: "→" } as Record<string, string>)[wish.op] ?? wish.op} ${shown(wish.value)}`;
}

export const titleOf = (item: { title: string; titles?: Partial<Record<"en" | "zh", string>> }, desk: Desk): string => item.titles?.[desk.lang] ?? item.title;

export function stamp(iso: string | null | undefined, desk: Desk): string {
  const time = new Date(iso ?? "");
  if (Number.isNaN(time.getTime())) return "–";
  const day = time.toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat(desk.lang === "zh" ? "zh-CN" : "en-GB", day ? { hour: "2-digit", minute: "2-digit", second: "2-digit" } : { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }).format(time);
}

export const counted = (text: string, n: number, desk: Desk): string => fill(text, { n: number(n, desk.lang) });
