import { describe, expect, it } from "vitest";
import { cover } from "./cover";
import { frames, sends } from "./stream";
import { fill, kind, sentences, title } from "./text";
import type { Card } from "./types";
import { en } from "./words/en";
import { zh } from "./words/zh";

const press = (part: Partial<Parameters<typeof sends>[0]>) => sends({ key: "Enter", shiftKey: false, isComposing: false, keyCode: 13, ...part });
const card: Card = { id: "a", title: "The Matrix", titles: { zh: "黑客帝国" }, score: 1, attributes: { year: 1999, genres: ["Sci-Fi", "Action"] }, description: {}, reasons: [] };
const answer = (...pieces: string[]) => new Response(new ReadableStream({ start(to) { for (const piece of pieces) to.enqueue(new TextEncoder().encode(piece)); to.close(); } }));
const all = async (response: Response) => { const found = []; for await (const pair of frames(response)) found.push(pair); return found; };

describe("the composer", () => {
  it("sends by Enter alone", () => {
    expect(press({})).toBe(true);
    expect(press({ shiftKey: true })).toBe(false);
    expect(press({ key: "a" })).toBe(false);
  });
  it("never sends while an input method composes, by either sign of it", () => {
    expect(press({ isComposing: true })).toBe(false);
    expect(press({ keyCode: 229 })).toBe(false);
  });
});

describe("the stream", () => {
  it("gives frames with their numbers, wherever the bytes are cut", async () => {
    const text = 'id: 1\ndata: {"type":"start"}\n\n: ping\n\nid: 2\ndata: {"type":"text-delta","delta":"你好"}\n\ndata: [DONE]\n\n';
    for (let cut = 1; cut < text.length; cut += 1) {
      expect(await all(answer(text.slice(0, cut), text.slice(cut)))).toEqual([[1, { type: "start" }], [2, { type: "text-delta", delta: "你好" }]]);
    }
  });
  it("says so where it breaks off", async () => {
    await expect(all(answer('id: 1\ndata: {"type":"start"}\n\n'))).rejects.toThrow("ended early");
  });
});

describe("covers", () => {
  it("are the same for the same item and share colours within a kind", () => {
    expect(cover("Alien", "Sci-Fi")).toEqual(cover("Alien", "Sci-Fi"));
    expect(cover("Alien", "Sci-Fi").ink).toBe(cover("Solaris", "Sci-Fi").ink);
    expect(cover("Alien", "Sci-Fi").ink).not.toBe(cover("Alien", "Romance").ink);
  });
  it("show the first letter that tells", () => {
    expect(cover("The Matrix", "").letter).toBe("M");
    expect(cover("《活着》", "").letter).toBe("活");
    expect(cover("🌙", "").letter).toBe("🌙");
  });
});

describe("texts", () => {
  it("tell finished sentences only", () => {
    expect(sentences("Five films. First among th", 0)).toEqual(["Five films.", 11]);
    expect(sentences("推荐这 5 部。先说", 0)).toEqual(["推荐这 5 部。", 8]);
    expect(sentences("7.8 of 10", 0)).toEqual(["", 0]);
  });
  it("take the title of the language, else the one there is", () => {
    expect(title(card, "zh")).toBe("黑客帝国");
    expect(title(card, "en")).toBe("The Matrix");
    expect(kind(card)).toBe("Sci-Fi");
    expect(fill(en.moreText, { title: "Alien" })).toBe("More like Alien");
  });
  it("say everything in both languages, with the same gaps", () => {
    for (const name of Object.keys(en) as (keyof typeof en)[]) {
      expect(zh[name], name).toBeTruthy();
      expect([...zh[name].matchAll(/\{\w+\}/g)].map(String)).toEqual([...en[name].matchAll(/\{\w+\}/g)].map(String));
    }
  });
});
