/** Whether a key press sends: Enter alone, and never one that chooses a candidate of an input method, by either sign of it. */
export function sends(event: { key: string; shiftKey: boolean; isComposing: boolean; keyCode: number }): boolean {
  return event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
}

/** The finished sentences of a growing text after a place, and where they end: what a screen reader may be told. */
export function sentences(text: string, from: number): [string, number] {
  const rest = text.slice(from);
  const last = [...rest.matchAll(/[。！？\n]|[.!?](?=\s)/g)].pop();
  const end = last ? last.index + last[0].length : 0;
  return end > 0 ? [rest.slice(0, end).trim(), from + end] : ["", from];
}
