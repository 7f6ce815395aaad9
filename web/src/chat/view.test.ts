import { describe, expect, it } from "vitest";
import type { Frame } from "../shared/stream";
import type { Card, Stored, StoredTurn, View } from "./types";
import { begin, change, drop, EMPTY, fresh, judged, pressed, restored, take } from "./view";

const card = (id: string): Card => ({ id, title: id, titles: {}, attributes: {}, description: {}, reasons: [] });
const started = begin({ ...EMPTY, suggestions: ["before"] }, fresh("n1", "message", "comedies", "en"));
const play = (view: View, ...frames: Frame[]): View => frames.reduce((now, frame) => take(now, "n1", frame), view);
const turn = (part: Partial<StoredTurn>): StoredTurn => ({
  turn: 1, kind: "message", text: "hi", language: "en", time: "", reply: "Hello.", items: [], recommendation_id: null, question: null, relaxed: [], notices: [],
  feedback: {}, undone: false, whole: true, ...part,
});
const stored = (...turns: StoredTurn[]): Stored => ({ session_id: "s", constraints: [], chips: [], turns, suggestions: ["next"], running: false });

describe("a turn's stream", () => {
  it("shows cards before words, and words as they come", () => {
    const cards = play(started, { type: "start" }, { type: "data-items", data: { items: [card("a")], recommendation_id: "r", total: 7 } });
    expect(cards.turns[0]).toMatchObject({ phase: "cards", recommendation: "r", total: 7, reply: "" });
    const words = play(cards, { type: "text-start" }, { type: "text-delta", delta: "Five " }, { type: "text-delta", delta: "films." });
    expect(words.turns[0]).toMatchObject({ phase: "speaking", reply: "Five films." });
  });
  it("takes the whole reply at the end, and says which model worded it", () => {
    const done = (model: unknown) => play(started, { type: "data-done", data: { reply: "All.", model } }).turns[0];
    expect(done({ name: "qwen", sentences: 2 })).toMatchObject({ phase: "done", reply: "All.", model: "qwen" });
    expect(done({ name: "qwen", sentences: 0 })?.model).toBe("");
    expect(done(null)?.model).toBe("");
  });
  it("takes wishes, question, offers and suggestions where they belong", () => {
    const wish = { id: "c1", field: "genres", op: "any_of", value: ["Comedy"], hard: true, negated: false, source: "comedy" };
    const view = play(
      started, { type: "data-understanding", data: { session_id: "s", language: "zh", constraints: [wish], chips: [{ constraint: "c1", label: "Comedy", source: "comedy" }] } },
      { type: "data-question", data: { field: "year", text: "When?", options: [] } }, { type: "data-relaxed", data: [{ constraint: "c1", count: 4, text: "4 without" }] },
      { type: "data-suggestions", data: { suggestions: ["newer"] } },
    );
    expect(view).toMatchObject({ wishes: [wish], chips: [{ label: "Comedy" }], suggestions: ["newer"] });
    expect(view.turns[0]).toMatchObject({ language: "zh", question: { text: "When?" }, offers: [{ count: 4 }] });
  });
  it("says a notice once, and lets pass what it does not know", () => {
    const notice: Frame = { type: "data-notice", data: { code: "slow", text: "It is slow." } };
    expect(play(started, notice, notice).turns[0]?.notices).toHaveLength(1);
    expect(play(started, { type: "data-tomorrow", data: 1 })).toBe(started);
  });
  it("keeps what came before an error or a stop", () => {
    const words: Frame = { type: "text-delta", delta: "Five" };
    expect(play(started, words, { type: "error", errorText: "the store is away" }).turns[0]).toMatchObject({ reply: "Five", phase: "failed", fault: "the store is away" });
    expect(play(started, words, { type: "abort" }).turns[0]).toMatchObject({ reply: "Five", phase: "stopped" });
  });
  it("reads from the beginning again where the stream is taken up again", () => {
    expect(play(started, { type: "text-delta", delta: "Five" }, { type: "text-start" }, { type: "text-delta", delta: "Five films." }).turns[0]?.reply).toBe("Five films.");
  });
  it("leaves every other turn the object it was", () => {
    const two = begin(started, fresh("n2", "edit", "without", "en"));
    expect(change(two, "n2", { phase: "done" }).turns[0]).toBe(two.turns[0]);
    expect(drop(two, "n1").turns.map((one) => one.key)).toEqual(["n2"]);
  });
});

describe("opinions", () => {
  it("take each other's place; a favourite stands beside them", () => {
    const liked = judged(judged(EMPTY, "a", "like"), "a", "favourite");
    expect(judged(liked, "a", "dislike")).toMatchObject({ opinions: { a: "dislike" }, saved: { a: true } });
    expect(judged(liked, "a", "none")).toMatchObject({ opinions: {}, saved: { a: true } });
    expect(judged(liked, "a", "unfavourite")).toMatchObject({ opinions: { a: "like" }, saved: {} });
  });
  it("are taken back by the same press", () => {
    const liked = judged(judged(EMPTY, "a", "like"), "b", "favourite");
    expect([pressed(liked, "a", "like"), pressed(liked, "a", "dislike"), pressed(liked, "b", "favourite"), pressed(liked, "a", "favourite")]).toEqual(["none", "dislike", "unfavourite", "favourite"]);
  });
});

describe("a stored session", () => {
  it("comes back with opinions and favourites, those of undone turns apart", () => {
    const view = restored(stored(
      turn({ items: [card("a"), card("b")], recommendation_id: "r", feedback: { a: "like", b: "favourite" }, favourites: ["b"] }),
      turn({ text: "more", undone: true, feedback: { c: "dislike" }, whole: false }),
    ));
    expect(view).toMatchObject({ opinions: { a: "like" }, saved: { b: true }, suggestions: ["next"] });
    expect(view.turns.map((one) => [one.phase, one.undone])).toEqual([["done", false], ["stopped", true]]);
    expect(new Set(view.turns.map((one) => one.key)).size).toBe(2);
  });
});
