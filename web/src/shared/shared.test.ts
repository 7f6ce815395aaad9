import { afterEach, describe, expect, it, vi } from "vitest";
import { en } from "../words/en";
import { zh } from "../words/zh";
import { Api, Refused } from "./api";
import { cover, letterOf } from "./cover";
import { fill, languageOf, number, price, when } from "./format";
import { inMemory, read, write } from "./kept";
import { Look } from "./look";
import { frames } from "./stream";

const answer = (...pieces: (string | Uint8Array)[]) =>
  new Response(new ReadableStream({ start(to) { for (const piece of pieces) to.enqueue(typeof piece === "string" ? new TextEncoder().encode(piece) : piece); to.close(); } }));
const all = async (response: Response) => { const found = []; for await (const pair of frames(response)) found.push(pair); return found; };
const json = (body: unknown, status = 200, headers = {}) => new Response(JSON.stringify(body), { status, headers });
afterEach(() => vi.unstubAllGlobals());

describe("the stream", () => {
  it("gives frames with their numbers, wherever the bytes are cut, inside a character too", async () => {
    const bytes = new TextEncoder().encode('id: 1\ndata: {"type":"start"}\n\n: ping\n\nid: 2\ndata: {"type":"text-delta","delta":"你好"}\n\ndata: [DONE]\n\n');
    for (let cut = 1; cut < bytes.length; cut += 1) {
      expect(await all(answer(bytes.slice(0, cut), bytes.slice(cut)))).toEqual([[1, { type: "start" }], [2, { type: "text-delta", delta: "你好" }]]);
    }
  });
  it("takes the number after the data as well as before it", async () => {
    expect(await all(answer('data: {"type":"start"}\nid: 7\n\ndata: [DONE]\n\n'))).toEqual([[7, { type: "start" }]]);
  });
  it("says so where it breaks off", async () => {
    await expect(all(answer('id: 1\ndata: {"type":"start"}\n\n'))).rejects.toThrow("ended early");
  });
});

describe("covers", () => {
  it("are the same for the same item", () => {
    expect(cover("Alien", "Sci-Fi")).toEqual(cover("Alien", "Sci-Fi"));
    expect(cover("Alien", "Sci-Fi").shapes).not.toEqual(cover("Solaris", "Sci-Fi").shapes);
  });
  it("share their inks within a kind, and follow the item's own colour where it has one", () => {
    const ink = (title: string, kind: string, colour = "") => cover(title, kind, colour).ink;
    expect(ink("Alien", "Sci-Fi")).toBe(ink("Solaris", "Sci-Fi"));
    expect(new Set(["Comedy", "Drama", "War", "Horror", "Romance", "Crime"].map((kind) => ink("Alien", kind))).size).toBeGreaterThan(3);
    expect(ink("Phone A", "OPPO", "Midnight Blue")).toBe(ink("Phone B", "vivo", "blue"));
  });
  it("show the first letter that tells", () => {
    expect(["The Matrix", "《活着》", "🌙", "A", ""].map(letterOf)).toEqual(["M", "活", "🌙", "A", "·"]);
  });
  it("are never empty", () => {
    for (let n = 0; n < 500; n += 1) expect(cover(`Film ${n}`, `kind ${n % 9}`).shapes.length).toBeGreaterThan(2);
  });
});

describe("numbers, dates and languages", () => {
  it("are written as readers expect", () => {
    expect([price(4999, "CNY", "zh"), price(4999.5, "CNY", "en"), price(20, "USD", "en"), price(7, "", "en"), number(18056, "zh")]).toEqual(["¥4,999", "¥4,999.50", "$20", "7", "18,056"]);
    const now = new Date(2026, 10, 27, 12);
    expect(when(new Date(2026, 2, 5).toISOString(), "zh", now)).toBe("3月5日");
    expect(when(new Date(2024, 2, 5).toISOString(), "en", now)).toBe("Mar 5, 2024");
    expect(when(now.toISOString(), "en", now)).toMatch(/12:00/);
    expect(when("never", "en", now)).toBe("");
    expect([languageOf("推荐个 sci-fi movie"), languageOf("a film")]).toEqual(["zh", "en"]);
  });
  it("fill the gaps of a text", () => {
    expect(fill(en.compareNow, { n: 3 })).toBe("Compare 3");
  });
  it("say everything in both languages, with the same gaps", () => {
    expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
    for (const name of Object.keys(en) as (keyof typeof en)[]) {
      expect(zh[name], name).toBeTruthy();
      expect([...zh[name].matchAll(/\{\w+\}/g)].map(String).sort(), name).toEqual([...en[name].matchAll(/\{\w+\}/g)].map(String).sort());
    }
  });
});

describe("what is kept", () => {
  it("reads what it wrote, and nothing where that is broken", () => {
    const store = inMemory();
    write(store, "a", { n: 1 });
    store.setItem("b", "{");
    expect([read(store, "a", null), read(store, "b", 7), read(store, "c", 7)]).toEqual([{ n: 1 }, 7, 7]);
    write(store, "a", null);
    expect(store.getItem("a")).toBeNull();
  });
  it("follows the choice of the visitor before that of the page, and that before the browser's", () => {
    const store = inMemory();
    expect(new Look(store, {}, "zh-TW").lang.value).toBe("zh");
    expect(new Look(store, { lang: "en", theme: "dark" }, "zh").theme.value).toBe("dark");
    expect(store.length).toBe(0);
    new Look(store, {}, "zh").lang.value = "en";
    expect(new Look(store, { lang: "zh" }, "zh").lang.value).toBe("en");
    expect(new Look(store, { theme: "pink" }, "zh").theme.value).toBe("system");
  });
});

describe("the service", () => {
  it("is met once, by whatever asks first, and known again after a reload", async () => {
    const asked: [string, string | null][] = [];
    vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
      asked.push([path, new Headers(init.headers).get("x-zhiyin-visitor")]);
      return json(path.endsWith("/visitors") ? { token: "t" } : {});
    });
    const store = inMemory();
    const api = new Api({ server: "", key: "" }, store);
    await Promise.all([api.json("/v1/a"), api.json("/v1/b")]);
    await new Api({ server: "", key: "" }, store).json("/v1/c");
    expect(asked).toEqual([["/v1/visitors", null], ["/v1/a", "t"], ["/v1/b", "t"], ["/v1/c", "t"]]);
  });
  it("is met anew where it does not know the visitor", async () => {
    const store = inMemory();
    store.setItem("zhiyin.visitor", "old");
    vi.stubGlobal("fetch", async (path: string, init: RequestInit) =>
      path.endsWith("/visitors") ? json({ token: "new" }) : new Headers(init.headers).get("x-zhiyin-visitor") === "new" ? json({ ok: 1 }) : json({ code: "unauthorized" }, 401));
    expect(await new Api({ server: "", key: "" }, store).json("/v1/a")).toEqual({ ok: 1 });
    expect(store.getItem("zhiyin.visitor")).toBe("new");
  });
  it("refuses in its own words, and says whether it may be asked again", async () => {
    vi.stubGlobal("fetch", async () => json({ detail: "too much at once", code: "overloaded" }, 503, { "retry-after": "2" }));
    const error = await new Api({ server: "", key: "k" }, inMemory(), false).json("/v1/a").catch((e: unknown) => e);
    expect(error).toBeInstanceOf(Refused);
    expect(error).toMatchObject({ status: 503, code: "overloaded", message: "too much at once", retryAfter: 2, passing: true });
    expect(new Refused(404, "not_found", "").passing).toBe(false);
  });
});
