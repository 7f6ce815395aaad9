import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { inMemory } from "../shared/kept";
import { Outbox, type Outcome, patience } from "./outbox";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const letter = (id: string, at = Number(id)) => ({ id, at, body: `body ${id}` });

describe("the outbox", () => {
  it("sends in order and keeps nothing that arrived", async () => {
    const sent: string[] = [];
    const box = new Outbox<string>(inMemory(), "out", async (next) => { sent.push(next.body); return "sent"; });
    await Promise.all([box.add(letter("1")), box.add(letter("2"))]);
    expect(sent).toEqual(["body 1", "body 2"]);
    expect(box.letters).toEqual([]);
  });
  it("keeps what could not be sent, over a reload, and tries again later each time", async () => {
    const kept = inMemory();
    const tries: number[] = [];
    let outcome: Outcome = "later";
    const box = new Outbox<string>(kept, "out", async () => { tries.push(Date.now()); return outcome; });
    const start = Date.now();
    await box.add(letter("1"));
    await vi.advanceTimersByTimeAsync(3_500);
    expect(tries.map((time) => time - start)).toEqual([0, 1_000, 3_000]);
    expect(new Outbox<string>(kept, "out", async () => "sent").letters).toHaveLength(1);
    outcome = "sent";
    await vi.advanceTimersByTimeAsync(4_000);
    expect(box.letters).toEqual([]);
  });
  it("lets go of what is refused for good, and sends the rest", async () => {
    const sent: string[] = [];
    const box = new Outbox<string>(inMemory(), "out", async (next) => { sent.push(next.id); return next.id === "1" ? "refused" : "sent"; });
    await Promise.all([box.add(letter("1")), box.add(letter("2"))]);
    expect(sent).toEqual(["1", "2"]);
    expect(box.letters).toEqual([]);
  });
  it("touches nothing that is not its own, and reads past what it cannot read", async () => {
    const kept = inMemory();
    kept.setItem("zhiyin.draft", "half a thought");
    kept.setItem("out.broken", "{");
    const box = new Outbox<string>(kept, "out", async () => "later");
    await box.add(letter("1"));
    box.clear();
    expect(box.letters).toEqual([]);
    expect(kept.getItem("zhiyin.draft")).toBe("half a thought");
  });
  it("waits a second, then twice as long, and half a minute at most", () => {
    expect([0, 1, 2, 9].map(patience)).toEqual([1_000, 2_000, 4_000, 30_000]);
  });
});
