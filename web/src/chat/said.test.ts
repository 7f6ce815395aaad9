import { describe, expect, it } from "vitest";
import { sends, sentences } from "./said";

const press = (part: Partial<Parameters<typeof sends>[0]>) => sends({ key: "Enter", shiftKey: false, isComposing: false, keyCode: 13, ...part });

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

describe("what a screen reader is told", () => {
  it("is finished sentences only, each once", () => {
    expect(sentences("Five films. First among th", 0)).toEqual(["Five films.", 11]);
    expect(sentences("Five films. First among them.\n", 11)).toEqual(["First among them.", 30]);
    expect(sentences("推荐这 5 部。先说", 0)).toEqual(["推荐这 5 部。", 8]);
  });
  it("does not end a sentence inside a number", () => {
    expect(sentences("7.8 of 10", 0)).toEqual(["", 0]);
  });
});
