import { createParser } from "eventsource-parser";
import type { Frame } from "./types";

/** The frames of one stream with their numbers, in order; ends at `[DONE]`. Throws where the connection breaks before it. */
export async function* frames(response: Response): AsyncGenerator<[number, Frame]> {
  if (!response.body) throw new TypeError("the answer has no body");
  const waiting: [number, Frame][] = [];
  let done = false;
  const parser = createParser({
    onEvent(event) {
      if (event.data === "[DONE]") done = true;
      else waiting.push([Number(event.id ?? 0), JSON.parse(event.data) as Frame]);
    },
  });
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  while (!done) {
    const { value, done: ended } = await reader.read();
    if (value) parser.feed(decoder.decode(value, { stream: true }));
    while (waiting.length) yield waiting.shift() as [number, Frame];
    if (ended && !done) throw new TypeError("the stream ended early");
  }
  void reader.cancel();
}

/** Whether a key press sends: Enter alone, and never one that chooses a candidate of an input method. */
export function sends(event: { key: string; shiftKey: boolean; isComposing: boolean; keyCode: number }): boolean {
  return event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
}
