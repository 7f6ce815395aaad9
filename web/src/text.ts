import type { Card, Lang, Plain } from "./types";

export const title = (card: Card, lang: Lang): string => card.titles[lang] ?? card.title;

export const fill = (text: string, slots: Record<string, Plain>): string => text.replace(/\{(\w+)\}/g, (_, name: string) => String(slots[name] ?? ""));

/** The finished sentences of a growing text after `from`, and where they end: what a screen reader may be told. */
export function sentences(text: string, from: number): [string, number] {
  const rest = text.slice(from);
  const last = [...rest.matchAll(/[。！？\n]|[.!?](?=\s)/g)].pop();
  const end = last ? last.index + last[0].length : 0;
  return end > 0 ? [rest.slice(0, end).trim(), from + end] : ["", from];
}

/** What an item is one of (a genre, a brand): its first listed value, whatever the domain calls it. */
export function kind(card: Card): string {
  const listed = Object.values(card.attributes).find((value) => Array.isArray(value) && value.length > 0);
  return Array.isArray(listed) ? String(listed[0]) : "";
}
