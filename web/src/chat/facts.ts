// What a card says of its item, and which of it the user asked for.

import { type Lang, languageOf, number, price } from "../shared/format";
import type { Card, Value } from "./types";

export interface Part { text: string; matched: boolean }
export interface Fact { parts: Part[] }
export interface Facts {
  price: { text: string; note: string; matched: boolean } | null;
  /** At least three where the item has them: first in the domain's order, and all that was asked for. */
  key: Fact[];
  rest: string[];
}

const KEY = 3;
const SEPARATOR = /, |、/;

export const titleOf = (card: Card, lang: Lang): string => card.titles[lang] || card.title;

/** The other language's title, where it is another. */
export function otherTitle(card: Card, lang: Lang): { lang: Lang; text: string } | null {
  const other = lang === "zh" ? "en" : "zh";
  const text = card.titles[other];
  return text && text !== titleOf(card, lang) ? { lang: other, text } : null;
}

/** What an item is one of (a genre, a brand): its first listed value, whatever the domain calls it. */
export function kindOf(card: Card): string {
  const listed = Object.values(card.attributes).find((value) => Array.isArray(value) && value.length > 0);
  return Array.isArray(listed) ? String(listed[0]) : "";
}

export function colourOf(card: Card): string {
  const value = card.attributes.color ?? card.attributes.colour ?? card.attributes.colors ?? card.attributes.colours;
  return String((Array.isArray(value) ? value[0] : value) ?? "");
}

/** The head of a wish's reason, before `(you said …)`: the value that holds, in words. */
const head = (text: string): string => text.split(/\s*[（(](?:you said|你说)/)[0]?.trim() ?? "";

export function factsOf(card: Card, lang: Lang): Facts {
  const wished = card.reasons.filter((reason) => reason.kind === "wish");
  const heads = new Set(wished.map((reason) => head(reason.text)).filter(Boolean));
  const heldParts = new Set([...heads].flatMap((text) => text.split(SEPARATOR)));
  const held = new Set(wished.flatMap((reason) => (Array.isArray(reason.evidence.value) ? reason.evidence.value.map(String) : []))); // for reasons worded in the other language
  const amount = priceOf(card, lang, wished.some((reason) => reason.evidence.field === "price"));
  const lines = (card.facts?.[lang] ?? plainFacts(card, lang)).filter((line) => !(amount && isPrice(line, card)));
  const facts = lines.map((line) => ({ line, parts: line.split(SEPARATOR).map((text) => ({ text, matched: heads.has(line) || heldParts.has(text) || held.has(text) })) }));
  const told = new Set(facts.flatMap((fact) => [fact.line, ...fact.parts.map((part) => part.text)]));
  const others = [...heldParts].filter((text) => !told.has(text) && (lang === "zh" || languageOf(text) === "en") && !(amount && isPrice(text, card))).map((text) => ({ parts: [{ text, matched: true }] }));
  const matched = facts.filter((fact) => fact.parts.some((part) => part.matched));
  const filling = facts.filter((fact) => !matched.includes(fact)).slice(0, Math.max(0, KEY - matched.length));
  const shown = facts.filter((fact) => matched.includes(fact) || filling.includes(fact));
  return { price: amount, key: [...shown.map(({ parts }) => ({ parts })), ...others], rest: facts.filter((fact) => !shown.includes(fact)).map((fact) => fact.line) };
}

function priceOf(card: Card, lang: Lang, matched: boolean): Facts["price"] {
  const { price: amount, currency } = card.attributes;
  if (typeof amount !== "number") return null;
  const line = card.facts?.[lang]?.find((fact) => isPrice(fact, card)) ?? "";
  const note = /[（(](.+)[）)]\s*$/.exec(line)?.[1] ?? "";
  return { text: price(amount, typeof currency === "string" ? currency : "", lang), note, matched };
}

/** Whether a line is the price in the service's own wording: its figure, with a sign of money. */
function isPrice(line: string, card: Card): boolean {
  const amount = card.attributes.price;
  return typeof amount === "number" && line.replaceAll(",", "").includes(String(amount)) && /[¥$€£元]|CN¥|US\$/.test(line);
}

/** Attributes as they are, for a domain that has no wording of them. */
function plainFacts(card: Card, lang: Lang): string[] {
  const names = Object.keys(card.attributes).filter((name) => name !== "currency" && name !== "price");
  return names.slice(0, 6).map((name) => valueText(card.attributes[name] ?? null, lang)).filter(Boolean);
}

export function valueText(value: Value, lang: Lang): string {
  if (value === null) return "";
  if (Array.isArray(value)) return value.slice(0, 6).map((one) => valueText(one, lang)).join(lang === "zh" ? "、" : ", ");
  if (typeof value === "number") return Number.isInteger(value) && value >= 1000 && value <= 2999 ? String(value) : number(value, lang); // years keep no comma
  return String(value);
}
