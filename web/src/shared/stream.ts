import { createParser } from "eventsource-parser";

/** A piece of a stream in the AI SDK's shape. */
export interface Frame {
  type: string;
  id?: string;
  delta?: string;
  messageId?: string;
  errorText?: string;
  data?: unknown;
}

/** The frames of one stream with their numbers, in order; ends at `[DONE]`. Throws a TypeError where the connection breaks before it. */
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
  try {
    while (!done) {
      const { value, done: ended } = await reader.read();
      if (value) parser.feed(decoder.decode(value, { stream: true }));
      while (waiting.length) yield waiting.shift() as [number, Frame];
      if (ended && !done) throw new TypeError("the stream ended early");
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}
