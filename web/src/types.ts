// What the service sends, as far as the page reads it: docs/reference/http.md.

export type Lang = "en" | "zh";
export type Plain = string | number | boolean;
export interface Reason { text: string; kind: string; evidence: { field: string; value: Plain | Plain[]; source?: string; item?: string } }
export interface Card {
  id: string;
  title: string;
  titles: Partial<Record<Lang, string>>;
  score: number;
  attributes: Record<string, Plain | Plain[]>;
  description: Partial<Record<Lang, string>>;
  generated?: { description: string };
  facts?: Partial<Record<Lang, string[]>>;
  reasons: Reason[];
}
export interface Wish { id: string; field: string; op: string; value: Plain | Plain[]; hard: boolean; negated: boolean; source: string }
export interface Chip { constraint: string; label: string; source: string }
export interface Option { label: string; value: Plain | Plain[]; count: number }
export interface Question { field: string; text: string; options: Option[] }
export interface Offer { constraint: string; count: number; text: string }
export interface Notice { code: string; text: string }
export interface Exchange {
  key: string;
  kind: "message" | "edit";
  text: string;
  language: Lang;
  items: Card[];
  recommendation: string;
  reply: string;
  by: "template" | "model";
  question: Question | null;
  relaxed: Offer[];
  notices: Notice[];
  feedback: Record<string, string>;
  state: "waiting" | "speaking" | "done" | "stopped" | "failed";
  undone: boolean;
}
export interface Frame { type: string; id?: string; delta?: string; messageId?: string; errorText?: string; data?: unknown }
