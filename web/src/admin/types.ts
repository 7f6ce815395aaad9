// What the service sends the operator (docs/reference/admin.md), as far as the page reads it.

import type { Lang } from "../shared/format";
import type { Part } from "./sums";

export type Plain = string | number | boolean;
export type Value = Plain | Plain[] | null;
export type Titles = Partial<Record<Lang, string>>;

export interface Totals {
  turns: number; sessions: number; users: number; likes: number; dislikes: number; clicks: number; purchases: number;
  empty: number; relaxed: number; fallbacks: number; withheld: number; cut: number;
  first_card_p50_ms: number | null; first_card_p95_ms: number | null; total_p50_ms: number | null; total_p95_ms: number | null;
}
export interface Bucket {
  start: string; turns: number; empty: number; fallbacks: number; likes: number; dislikes: number; clicks: number; purchases: number;
  first_card_p50_ms: number | null; first_card_p95_ms: number | null;
}
export interface Overview { since: string; until: string; bucket_seconds: number; totals: Totals; buckets: Bucket[]; truncated: boolean; reading?: boolean }

export interface Talk { session_id: string; user: string; first: string; last: string; turns: number; title: string; flags: string[]; languages: Lang[] }

export interface Wish { id: string; field: string; op: string; value: Value; hard: boolean; negated: boolean; source: string; turn: number; label?: string }
export interface Shown { id: string; title: string; titles: Titles; score: number; sources: Record<string, number>; reasons: { text: string; kind: string }[]; attributes: Record<string, Value> }
export interface Call { stage: string; model?: string; outcome: string; seconds: number | null; prompt_version: string; prompt_tokens?: number; cached_tokens?: number; answer_tokens?: number }
export interface Judgement { item_id: string | null; kind: string; reason: string | null; comment: string | null; time: string }
export interface ReplayedTurn {
  turn: number; time: string; kind?: string; text: string; language: Lang;
  intent: Record<string, number> | null; act: string | null; sentiment: { label: string; score: number; aspects?: Record<string, number> } | null;
  constraints: Wish[]; changes?: unknown; about: { id: string; title: string; titles?: Titles }[];
  recommendation_id: string | null; items: Shown[]; question: { text: string; options?: { label: string; count: number }[] } | null; relaxed: { text: string; count: number }[];
  reply: string; whole: boolean; notices: { code: string; text: string }[]; withheld: string[]; calls: Call[];
  latency_ms: Record<string, number>; feedback: Judgement[]; flags: string[]; undone: boolean;
}
export interface Replayed { session_id: string; user: string; turns: ReplayedTurn[] }

export interface Verdict { constraint: string; field: string; label: Titles; source: string; hard: boolean; verdict: string; value: Value }
export interface WhyCard {
  id: string; title: string; titles: Titles; shown: boolean; gone: boolean;
  then: { rank: number | null; score: number; contributions: Part[]; rest: number } | null;
  now: { rank: number | null; by_score: number; score: number; contributions: Part[] } | null;
  verdicts: Verdict[];
  kept_out: { code: string; text: Titles; constraints: string[] } | null;
  changed: string[];
}
export interface Why { items: number; passing: number; notes: { code: string; text: Titles }[]; cards: WhyCard[]; item: WhyCard | null }

export interface Case { name: string; jsonl: string; path: string | null }
export interface KeptCase { name: string; session_id?: string; turn?: number; note?: string; made?: string }

export interface Field { field: string; kind: string; known: number; share: number; distinct: number; example: Value }
export interface Issue { code: string; severity: string; field: string | null; count: number; text: Partial<Record<Lang, string>>; items: string[] }
export interface Catalogue { items: number; fields: Field[]; issues: Issue[] }
export interface Item { id: string; title: string; titles: Titles; attributes: Record<string, Value>; description?: Titles; aliases?: string[]; variants?: Record<string, Value>[] }

export interface User { user: string; events: number; sessions?: number; last?: string }
export interface Taste { item_id: string; title: string; titles?: Titles; weight: number }
export interface Known { user: string; personalise: boolean; likes: Taste[]; dislikes: Taste[]; wishes: (Wish & { label: string; session_id: string })[]; events: number; sessions: number }
export interface Erased { erased: { log: number; records: number; live: number } }

export interface RowError { line: number | null; field: string; message: string; row?: unknown; kept?: boolean }
export interface Imported { import_id: string | null; name?: string; kind?: string; format?: string; time?: string; rows: number; accepted: number; rejected: number; errors: RowError[]; seen?: boolean }

export interface Capabilities { url?: string; model: string; streams: boolean; rung: string | number; choices: boolean; context: number; prompt_speed: number; answer_speed: number; probed: string; notes: string[]; wanting?: string[] }
export interface Model { model: string | null; state: string; stages?: string[]; models?: { url: string; capabilities: Capabilities | null; wanting: string[] }[]; hours?: number; calls: Record<string, number>; reading?: boolean }
export interface Health { status: string; parts: Record<string, string>; version: string; uptime_seconds: number; workers: number; store: string; redis: string; domain?: string; items?: number; embedded?: boolean; trained?: boolean; local_mode?: boolean }
export interface Setting { name: string; value: unknown; from: string; description?: string }
export interface Key { id: string; name: string; scope: string; created: string; used: string | null; revoked: string | null }
