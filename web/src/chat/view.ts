// What the page shows, as a fold of what the service says. Pure: nothing here waits or draws.

import type { Lang } from "../shared/format";
import type { Frame } from "../shared/stream";
import type { Finished, Notice, Offer, Opinion, Question, Shown, Stored, StoredTurn, Turn, Understood, Verdict, View } from "./types";

export const EMPTY: View = { turns: [], chips: [], wishes: [], suggestions: [], opinions: {}, saved: {} };
const OPINIONS = new Set(["like", "dislike", "skip"]);

export function fresh(key: string, kind: Turn["kind"], text: string, language: Lang): Turn {
  return { key, kind, text, language, items: [], total: null, recommendation: "", reply: "", model: "", question: null, offers: [], notices: [], phase: "waiting", undone: false, fault: "" };
}

/** The view with one turn changed; every other turn is the same object as before, so that it is not drawn again. */
export function change(view: View, key: string, part: Partial<Turn> | ((turn: Turn) => Partial<Turn>)): View {
  return { ...view, turns: view.turns.map((turn) => (turn.key === key ? { ...turn, ...(typeof part === "function" ? part(turn) : part) } : turn)) };
}

export const begin = (view: View, turn: Turn): View => ({ ...view, turns: [...view.turns, turn], suggestions: [] });

export const drop = (view: View, key: string): View => ({ ...view, turns: view.turns.filter((turn) => turn.key !== key) });

/** One frame of a turn's stream. A frame that nobody knows changes nothing. */
export function take(view: View, key: string, frame: Frame): View {
  switch (frame.type) {
    case "data-understanding": {
      const { chips, constraints, language } = frame.data as Understood;
      return change({ ...view, chips, wishes: constraints }, key, { language });
    }
    case "data-items": {
      const { items, recommendation_id, total } = frame.data as Shown;
      return change(view, key, (turn) => ({ items, total, recommendation: recommendation_id ?? "", phase: turn.phase === "waiting" ? "cards" : turn.phase }));
    }
    case "text-start":
      return change(view, key, { reply: "", phase: "speaking" });
    case "text-delta":
      return change(view, key, (turn) => ({ reply: turn.reply + (frame.delta ?? ""), phase: "speaking" }));
    case "data-question":
      return change(view, key, { question: frame.data as Question | null });
    case "data-relaxed":
      return change(view, key, { offers: frame.data as Offer[] });
    case "data-notice":
      return change(view, key, (turn) => ({ notices: [...turn.notices.filter((n) => n.code !== (frame.data as Notice).code), frame.data as Notice] }));
    case "data-suggestions":
      return { ...view, suggestions: (frame.data as { suggestions: string[] }).suggestions };
    case "data-done": {
      const { reply, model } = frame.data as Finished;
      return change(view, key, { reply, model: model && model.sentences > 0 ? model.name : "", phase: "done" });
    }
    case "abort":
      return change(view, key, { phase: "stopped" });
    case "error":
      return change(view, key, { phase: "failed", fault: frame.errorText ?? "" });
    default:
      return view;
  }
}

/** A stored session as a view. `undone` turns are kept, marked; what was thought in them no longer counts. */
export function restored(stored: Stored): View {
  let view: View = { ...EMPTY, turns: stored.turns.map(turnOf), chips: stored.chips, wishes: stored.constraints, suggestions: stored.suggestions };
  for (const turn of stored.turns) {
    if (turn.undone) continue;
    for (const [item, value] of Object.entries(turn.feedback)) if (OPINIONS.has(value)) view = judged(view, item, value as Opinion);
    for (const item of turn.favourites ?? []) view = judged(view, item, "favourite");
  }
  return view;
}

function turnOf(stored: StoredTurn, place: number): Turn {
  return {
    ...fresh(`s${place}`, stored.kind, stored.text, stored.language), items: stored.items, recommendation: stored.recommendation_id ?? "", reply: stored.reply,
    question: stored.question, offers: stored.relaxed, notices: stored.notices, phase: stored.whole ? "done" : "stopped", undone: stored.undone,
  };
}

/** An opinion takes the place of another on the same item; a favourite stands beside them. */
export function judged(view: View, item: string, verdict: Verdict): View {
  if (verdict === "favourite") return { ...view, saved: { ...view.saved, [item]: true } };
  if (verdict === "unfavourite") {
    const { [item]: _, ...saved } = view.saved;
    return { ...view, saved };
  }
  const { [item]: _, ...opinions } = view.opinions;
  return { ...view, opinions: verdict === "none" ? opinions : { ...opinions, [item]: verdict } };
}

/** What a press of a toggle means: the same again takes it back. */
export function pressed(view: View, item: string, verdict: Opinion | "favourite"): Verdict {
  if (verdict === "favourite") return view.saved[item] ? "unfavourite" : "favourite";
  return view.opinions[item] === verdict ? "none" : verdict;
}
