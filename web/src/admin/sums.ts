// What adds up to what: rates, the parts of a score, the parts of a turn's time.

export interface Part {
  source: string;
  score: number;
  weight: number | null;
  contribution: number;
}

export interface Piece {
  name: string;
  value: number;
  /** Per cent of the bar's width. */
  from: number;
  width: number;
}

/** A share as 0 to 1; null where there is nothing to share. */
export const rate = (part: number, whole: number): number | null => (whole > 0 ? part / whole : null);

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** What gave to a score or took from it, the largest first; nothing that gave nothing. */
export const weighed = <T extends { contribution: number }>(parts: readonly T[]): T[] =>
  parts.filter((part) => part.contribution !== 0).sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));

/** Whether the contributions are the score, up to the rounding of each. */
export const addsUp = (parts: readonly { contribution: number }[], score: number): boolean =>
  Math.abs(sum(parts.map((part) => part.contribution)) - score) <= 0.0005 * (parts.length + 1);

/** Contributions end to end on one bar, what takes away left of zero; `low` and `high` are the ends of the scale, the same for every card that is compared. */
export function stacked(parts: readonly { source: string; contribution: number }[], low: number, high: number): Piece[] {
  const wide = high - low || 1;
  let up = 0;
  let down = 0;
  return parts.filter(({ contribution }) => contribution !== 0).map(({ source, contribution }) => {
    const start = contribution > 0 ? up : (down += contribution);
    if (contribution > 0) up += contribution;
    return { name: source, value: contribution, from: ((start - low) / wide) * 100, width: (Math.abs(contribution) / wide) * 100 };
  });
}

/** The ends of a scale that holds the bars of all cards. */
export function ends(cards: readonly (readonly { contribution: number }[])[]): [number, number] {
  const up = cards.map((parts) => sum(parts.map((part) => Math.max(0, part.contribution))));
  const down = cards.map((parts) => sum(parts.map((part) => Math.min(0, part.contribution))));
  return [Math.min(0, ...down), Math.max(0, ...up)];
}

const STAGES = ["understand", "decide", "retrieve", "second_look", "speak"];

/** The stages of a turn end to end, and what of the total no stage took. */
export function timeline(latency: Readonly<Record<string, number>>): Piece[] {
  const known = STAGES.map((name) => ({ name, value: latency[name] ?? 0 })).filter(({ value }) => value > 0);
  const taken = sum(known.map(({ value }) => value));
  const rest = (latency["total"] ?? 0) - taken;
  const all = rest > 0.05 * taken ? [...known, { name: "rest", value: rest }] : known;
  const wide = sum(all.map(({ value }) => value)) || 1;
  return stacked(all.map(({ name, value }) => ({ source: name, contribution: value })), 0, wide);
}

/** JSON to edit: an object or a list a level, lists of plain values on one line. */
export function pretty(value: unknown, indent = ""): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const deeper = `${indent}  `;
  if (Array.isArray(value)) {
    if (value.every((one) => typeof one !== "object" || one === null)) return `[${value.map((one) => JSON.stringify(one)).join(", ")}]`;
    return `[\n${value.map((one) => deeper + pretty(one, deeper)).join(",\n")}\n${indent}]`;
  }
  const rows = Object.entries(value).map(([name, one]) => `${deeper}${JSON.stringify(name)}: ${pretty(one, deeper)}`);
  return rows.length ? `{\n${rows.join(",\n")}\n${indent}}` : "{}";
}

/** Where a field stands in JSON that somebody edits: the span to select, or null. `attributes.price` is looked for by its last name. */
export function spanOf(text: string, field: string): [number, number] | null {
  const name = field.split(".").filter((part) => !/^\d+$/.test(part)).at(-1) ?? field;
  const start = text.indexOf(`${JSON.stringify(name)}:`);
  const found = start >= 0 ? start : text.indexOf(JSON.stringify(name));
  return found < 0 ? null : [found, found + JSON.stringify(name).length];
}

/** csv, jsonl or json by a file's name, else by how it begins. */
export function formatOf(name: string, text: string): "csv" | "jsonl" | "json" {
  const end = /\.(csv|tsv|jsonl|ndjson|json)$/i.exec(name)?.[1]?.toLowerCase();
  if (end === "csv" || end === "tsv") return "csv";
  if (end === "jsonl" || end === "ndjson") return "jsonl";
  const start = text.trimStart();
  if (end === "json") return start.startsWith("[") || !/\}\s*\n\s*\{/.test(start) ? "json" : "jsonl";
  if (start.startsWith("[")) return "json";
  return start.startsWith("{") ? "jsonl" : "csv";
}

/** items or events, by the columns of the first row. */
export function kindOf(text: string): "items" | "events" {
  const head = text.slice(0, 2000).split("\n", 1)[0] ?? "";
  return /\b(user(_?id)?|visitor_?id|event(_?type)?|timestamp|session_?id)\b/i.test(head) && !/"?titles?"?/i.test(head) ? "events" : "items";
}
