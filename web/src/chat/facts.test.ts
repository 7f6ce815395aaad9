import { describe, expect, it } from "vitest";
import { factsOf, kindOf, otherTitle, titleOf, valueText } from "./facts";
import type { Card, Reason } from "./types";

const wish = (text: string, field = "genres"): Reason => ({ text, kind: "wish", evidence: { field, value: "x" } });
const film: Card = {
  id: "a", title: "The Matrix", titles: { en: "The Matrix", zh: "黑客帝国" }, attributes: { year: 1999, genres: ["Sci-Fi", "Action"] }, description: {},
  facts: { en: ["1999", "Sci-Fi, Action", "136 min", "Lana Wachowski", "United States"], zh: ["1999年", "科幻、动作", "136 分钟"] },
  reasons: [wish("Action (you said “action”)"), wish("Keanu Reeves (you said “Keanu”)", "cast"), { text: "one of the best-known films", kind: "popular", evidence: { field: "renown", value: 3 } }],
};
const phone: Card = {
  id: "p", title: "OPPO K13", titles: {}, attributes: { brand: ["OPPO"], price: 1999, currency: "CNY" }, description: {},
  facts: { zh: ["1,999 元（首发价，2025-07）", "OPPO", "6.8 英寸", "7,000 毫安时"], en: ["¥1,999 (launch price, 2025-07)", "OPPO", "6.8 inches"] },
  reasons: [wish("1,999 元（你说“2000元以内”）", "price")],
};
const marked = (card: Card, lang: "en" | "zh") => factsOf(card, lang).key.flatMap((fact) => fact.parts.filter((part) => part.matched).map((part) => part.text));

describe("the facts of a card", () => {
  it("are three at least, with what was asked for marked, wherever it stands", () => {
    expect(factsOf(film, "en").key.map((fact) => fact.parts.map((part) => part.text).join(", "))).toEqual(["1999", "Sci-Fi, Action", "136 min", "Keanu Reeves"]);
    expect(marked(film, "en")).toEqual(["Action", "Keanu Reeves"]);
    expect(factsOf(film, "en").rest).toEqual(["Lana Wachowski", "United States"]);
  });
  it("give the price in the reader's way, with its note, marked where it was asked for", () => {
    expect(factsOf(phone, "zh").price).toEqual({ text: "¥1,999", note: "首发价，2025-07", matched: true });
    expect(factsOf(phone, "en").price).toEqual({ text: "¥1,999", note: "launch price, 2025-07", matched: true });
    expect(factsOf(phone, "zh").key.map((fact) => fact.parts[0]?.text)).toEqual(["OPPO", "6.8 英寸", "7,000 毫安时"]);
    expect(factsOf(film, "en").price).toBeNull();
  });
  it("are marked by their evidence where the reasons were worded in the other language", () => {
    const asked = { ...film, reasons: [{ text: "动作（你说“动作片”）", kind: "wish", evidence: { field: "genres", value: ["Action"] } }] };
    expect(marked(asked, "en")).toEqual(["Action"]);
    expect(marked(asked, "zh")).toEqual(["动作"]);
  });
  it("are the attributes as they are where the domain has no wording", () => {
    expect(factsOf({ ...film, facts: {}, reasons: [] }, "en").key.map((fact) => fact.parts.map((part) => part.text).join(", "))).toEqual(["1999", "Sci-Fi, Action"]);
  });
  it("name an item in the reader's language, and in the other one where it differs", () => {
    expect(titleOf(film, "zh")).toBe("黑客帝国");
    expect(titleOf(phone, "zh")).toBe("OPPO K13");
    expect(otherTitle(film, "zh")).toEqual({ lang: "en", text: "The Matrix" });
    expect(otherTitle(phone, "en")).toBeNull();
    expect(kindOf(film)).toBe("Sci-Fi");
  });
  it("write a value for readers", () => {
    expect([valueText(1999, "en"), valueText(12000, "en"), valueText(["a", "b"], "zh"), valueText(null, "en")]).toEqual(["1999", "12,000", "a、b", ""]);
  });
});
