import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { inMemory } from "../shared/kept";
import { Look } from "../shared/look";
import { en } from "../words/admin-en";
import { zh } from "../words/admin-zh";
import { Desk, faultsOf } from "./desk";
import { largest, line, runs, scale, spread, ticks, totals } from "./plot";
import { hashOf, pathOf, readRoute } from "./route";
import { addsUp, ends, formatOf, kindOf, pretty, rate, spanOf, stacked, sum, timeline, weighed } from "./sums";

describe("the place in the address", () => {
  it("comes back from its hash, with slashes, spaces and Chinese in ids", () => {
    for (const [place, path, query] of [
      ["talks", ["a/b c", "3", "why"], { item: "荣耀 400&x=1" }], ["catalogue", ["a%2Fb"], {}], ["overview", [], { hours: "168" }], ["users", ["visitor:1?2#3"], {}],
    ] as const) {
      expect(readRoute(hashOf(place, path, query))).toEqual({ place, path: [...path], query });
    }
  });
  it("is the overview where the hash names no page", () => {
    for (const hash of ["", "#", "#/", "#/nowhere/1?x=2", "#/%E0%A4%A"]) expect(readRoute(hash)).toEqual({ place: "overview", path: [], query: {} });
  });
  it("bears a stray per cent sign", () => expect(readRoute("#/users/100%").path).toEqual(["100%"]));
  it("leaves out what is empty", () => {
    expect(hashOf("talks", [], { filter: "", user: "a" })).toBe("#/talks?user=a");
    expect(pathOf("/v1/x", { limit: 5, user: "" })).toBe("/v1/x?limit=5");
    expect(pathOf("/v1/x", { user: "" })).toBe("/v1/x");
  });
});

describe("plots", () => {
  it.each([[0, [0, 1]], [3, [0, 1, 2, 3]], [7, [0, 2, 4, 6, 8]], [100, [0, 50, 100]], [0.3, [0, 0.1, 0.2, 0.3]], [1508, [0, 500, 1000, 1500, 2000]]])("mark %s in round steps", (most, marks) => expect(ticks(most)).toEqual(marks));
  it("mark counts in whole steps", () => expect(ticks(2, 1)).toEqual([0, 1, 2]));
  it("never end below the largest value, whatever it is", () => {
    for (let value = 0.013; value < 1e6; value *= 1.37) {
      const marks = ticks(value);
      expect(marks.at(-1)).toBeGreaterThanOrEqual(value * 0.999999);
      expect(marks.length).toBeLessThan(9);
    }
  });
  it("put a domain on a range, and one without width at its start", () => {
    expect(scale(0, 10, 100, 0)(5)).toBe(50);
    expect(scale(4, 4, 7, 9)(4)).toBe(7);
  });
  it("leave a gap where nothing is known", () => expect(runs([1, null, 2, 3, null], (n) => n * 10, (value) => value)).toEqual([[[0, 1]], [[20, 2], [30, 3]]]));
  it("draw a run as a path", () => expect(line([[0, 1], [10.04, 2.5]])).toBe("M0 1L10 2.5"));
  it("label at most as many as there is room for", () => {
    expect(spread(60, 6)).toEqual([0, 10, 20, 30, 40, 50]);
    expect(spread(3, 10)).toEqual([0, 1, 2]);
    expect(spread(0, 5)).toEqual([]);
  });
  it("add up what is stacked", () => expect(totals([[1, null, 3], [1, 2, null]])).toEqual([2, 2, 3]));
  it("know their largest value", () => expect([largest([[1, null], [4, 2]]), largest([[null], []])]).toEqual([4, 0]));
});

describe("what adds up", () => {
  const parts = [{ source: "wish", contribution: 3 }, { source: "price", contribution: -0.5 }, { source: "taste", contribution: 0 }, { source: "near", contribution: 1 }];
  it("has no rate where there is nothing to share", () => expect([rate(1, 4), rate(0, 0)]).toEqual([0.25, null]));
  it("drops what gave nothing and begins with what gave most, either way", () => expect(weighed(parts).map(({ source }) => source)).toEqual(["wish", "near", "price"]));
  it("notices a sum that is not the score", () => expect([addsUp(parts, 3.5), addsUp(parts, 3.5004), addsUp(parts, 3.6)]).toEqual([true, true, false]));
  it("lies end to end, what takes away left of zero, and fills the bar of the largest card", () => {
    const [low, high] = ends([parts, [{ contribution: 1 }]]);
    expect([low, high]).toEqual([-0.5, 4]);
    const pieces = stacked(parts, low, high);
    expect(pieces.map(({ name }) => name)).toEqual(["wish", "price", "near"]);
    expect(pieces[1]?.from).toBeCloseTo(0);
    expect(pieces[0]?.from).toBeCloseTo((0.5 / 4.5) * 100);
    expect((pieces[2]?.from ?? 0) + (pieces[2]?.width ?? 0)).toBeCloseTo(100);
    expect(sum(pieces.map(({ width }) => width))).toBeCloseTo(100);
  });
  it("shows the stages of a turn and what no stage took", () => {
    const pieces = timeline({ understand: 10, retrieve: 20, cards: 31, speak: 10, total: 80 });
    expect(pieces.map(({ name, value }) => [name, value])).toEqual([["understand", 10], ["retrieve", 20], ["speak", 10], ["rest", 40]]);
    expect((pieces.at(-1)?.from ?? 0) + (pieces.at(-1)?.width ?? 0)).toBeCloseTo(100);
    expect(timeline({})).toEqual([]);
    expect(timeline({ understand: 10, total: 10.2 }).map(({ name }) => name)).toEqual(["understand"]);
  });
});

describe("files and rows", () => {
  it("knows a format by the name, else by how the text begins", () => {
    expect([formatOf("a.CSV", "{}"), formatOf("a.ndjson", ""), formatOf("a.json", '[{"id":1}]'), formatOf("a.json", '{"a":1}\n{"a":2}'), formatOf("a.txt", '[1]'), formatOf("a", '{"a":1}'), formatOf("a", "id,title")])
      .toEqual(["csv", "jsonl", "json", "jsonl", "json", "jsonl", "csv"]);
  });
  it("takes a log of users for events, and a table with titles for items", () => expect([kindOf("user_id,item_id,time\n"), kindOf("id,title,price\n"), kindOf('{"title": "x", "user": 1}')]).toEqual(["events", "items", "items"]));
  it("writes JSON that reads back the same, with lists of plain values on one line", () => {
    const row = { titles: { en: 'a "b"', zh: "[1, {2}]" }, attributes: { brand: ["x", "y"], none: null, empty: {} }, variants: [{ price: 1.5 }, { price: 2, on: true }], aliases: [] };
    expect(JSON.parse(pretty(row))).toEqual(row);
    expect(pretty(row)).toContain('    "brand": ["x", "y"],\n');
  });
  it("finds the place of a field that is to blame", () => {
    const text = '{\n  "titles": {"en": "price"},\n  "attributes": {"price": -1}\n}';
    expect(text.slice(...(spanOf(text, "attributes.price") ?? [0, 0]))).toBe('"price"');
    expect(spanOf(text, "attributes.price")?.[0]).toBe(text.indexOf('"price": -1'));
    expect(spanOf(text, "variants.0.weight")).toBeNull();
  });
});

describe("the desk", () => {
  beforeEach(() => vi.stubGlobal("location", { hash: "" }));
  beforeEach(() => vi.stubGlobal("addEventListener", () => undefined));
  afterEach(() => vi.unstubAllGlobals());
  const desk = (tab = inMemory()) => new Desk(tab, new Look(inMemory(), {}, "en"));
  const answers = (status: number, body: unknown) => vi.fn(async (_path: string, _init?: RequestInit) => new Response(JSON.stringify(body), { status }));

  it("sends the key of this tab, and forgets it when told", async () => {
    const asked = answers(200, { fine: true });
    vi.stubGlobal("fetch", asked);
    const tab = inMemory();
    const one = desk(tab);
    one.unlock("ak_1");
    expect(await one.json("/v1/admin/health")).toEqual({ fine: true });
    expect(new Headers(asked.mock.calls[0]?.[1]?.headers).get("authorization")).toBe("Bearer ak_1");
    expect(desk(tab).key.value).toBe("ak_1");
    one.unlock("");
    expect(desk(tab).key.value).toBe("");
  });
  it.each([[401, "", "needed"], [401, "ak_old", "wrong"], [403, "sk_1", "forbidden"]])("asks for a key after a %s with the key '%s'", async (status, key, why) => {
    vi.stubGlobal("fetch", answers(status, { detail: "no" }));
    const one = desk();
    if (key) one.unlock(key);
    await expect(one.json("/v1/admin/health")).rejects.toThrow("no");
    expect(one.locked.value).toBe(why);
  });
  it("keeps the fields that a refusal names", async () => {
    vi.stubGlobal("fetch", answers(400, { detail: "attributes.price: no", errors: [{ field: "attributes.price", message: "no" }] }));
    const error: unknown = await desk().json("/v1/items/x", "PUT", {}).catch((one: unknown) => one);
    expect(faultsOf(error)).toEqual([{ field: "attributes.price", message: "no" }]);
  });
  it("says a code by its word, and one without a word as it is", () => {
    expect(desk().named("act", "recommend")).toBe("Recommend");
    expect(desk().named("act", "sing_along")).toBe("sing along");
  });
});

describe("the words", () => {
  const slots = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();
  it("have the same slots in both languages, and Chinese is Chinese", () => {
    for (const name of Object.keys(en) as (keyof typeof en)[]) expect([name, slots(zh[name])]).toEqual([name, slots(en[name])]);
    const latin = (Object.keys(zh) as (keyof typeof zh)[]).filter((name) => zh[name] && !/[\u3400-\u9fff]/.test(zh[name]));
    expect(latin).toEqual(["rung_schema", "rung_json"]);
  });
});
