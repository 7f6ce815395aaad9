// What the service sends, as far as the page reads it (docs/reference/http.md), and what the page makes of it.

import type { Lang } from "../shared/format";

export type Plain = string | number | boolean;
export type Value = Plain | Plain[] | null;

export interface Reason { text: string; kind: string; evidence: { field: string; value: Value; source?: string; item?: string; text?: Partial<Record<Lang, string>> } }
export interface Card {
  id: string;
  title: string;
  titles: Partial<Record<Lang, string>>;
  attributes: Record<string, Value>;
  description: Partial<Record<Lang, string>>;
  generated?: { description: string };
  facts?: Partial<Record<Lang, string[]>>;
  reasons: Reason[];
}
export interface Wish { id: string; field: string; op: string; value: Value; hard: boolean; negated: boolean; source: string }
export interface Chip { constraint: string; label: string; source: string }
export interface Option { label: string; value: Value; count: number }
export interface Question { field: string; text: string; options: Option[] }
export interface Offer { constraint: string; count: number; text: string }
export interface Notice { code: string; text: string }

export type Opinion = "like" | "dislike" | "skip";
export type Verdict = Opinion | "favourite" | "unfavourite" | "none";
export type Phase = "waiting" | "cards" | "speaking" | "done" | "stopped" | "failed";

/** One exchange on the page: what was said or changed, and what came of it. */
export interface Turn {
  key: string;
  kind: "message" | "edit";
  text: string;
  language: Lang;
  items: Card[];
  total: number | null;
  recommendation: string;
  reply: string;
  /** The model that worded the reply; "" where templates did. */
  model: string;
  question: Question | null;
  offers: Offer[];
  notices: Notice[];
  phase: Phase;
  undone: boolean;
  /** Why it failed, in the service's words. */
  fault: string;
}

/** All that a conversation shows. */
export interface View {
  turns: Turn[];
  chips: Chip[];
  wishes: Wish[];
  suggestions: string[];
  opinions: Record<string, Opinion>;
  saved: Record<string, true>;
}

export interface StoredTurn {
  turn: number;
  kind: "message" | "edit";
  text: string;
  language: Lang;
  time: string;
  reply: string;
  items: Card[];
  recommendation_id: string | null;
  question: Question | null;
  relaxed: Offer[];
  notices: Notice[];
  feedback: Record<string, string>;
  favourites?: string[];
  undone: boolean;
  whole: boolean;
}
export interface Stored {
  session_id: string;
  constraints: Wish[];
  chips: Chip[];
  turns: StoredTurn[];
  suggestions: string[];
  running: boolean;
}
export interface Understood { session_id: string; language: Lang; constraints: Wish[]; chips: Chip[] }
export interface Shown { recommendation_id: string | null; items: Card[]; total: number | null; relaxed?: Offer[] }
export interface Finished { reply: string; model: { name: string; sentences: number } | null }
export interface Greeting { greeting: string; suggestions: string[]; notices: Notice[]; domain: string; disclaimer: string | null }
export interface Listed { session_id: string; first: string; last: string; title: string; turns: number }
export interface Taste { item_id: string; title: string; titles?: Partial<Record<Lang, string>>; weight: number; retract?: { session_id: string; recommendation_id: string; value: Verdict } | null }
export interface Known { personalise: boolean; likes: Taste[]; dislikes: Taste[]; wishes: (Wish & { label: string; session_id: string })[]; events: number; sessions: number }
export interface Cell { text: string; value: Value }
export interface Comparison {
  items: Card[];
  rows: { field: string; label: string; values: (Cell | null)[]; differs: boolean; best: number | null }[];
  verdicts: { constraint: string; label: string; source: string; holds: (boolean | null)[] }[];
  text: string;
}
