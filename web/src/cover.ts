// A cover drawn from what is known of an item: the same item has the same cover everywhere, and nothing is loaded for it.

export interface Cover { from: string; to: string; ink: string; shape: number; turn: number; letter: string }

/** FNV-1a, so that covers are the same in every browser. */
export function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (const char of text) sum = Math.imul(sum ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return sum;
}

/** Colours by kind (genre or brand), shape and turn by the title. */
export function cover(title: string, kind: string): Cover {
  const hue = hash(kind || title) % 360;
  const seed = hash(title);
  const near = (hue + 28 + (seed % 24)) % 360;
  const bare = title.replace(/^(the|a|an)\s+/i, "").replace(/^[《「"“]/, "");
  return {
    from: `hsl(${hue} 38% ${34 + (seed % 8)}%)`, to: `hsl(${near} 46% ${20 + ((seed >> 4) % 8)}%)`, ink: `hsl(${hue} 60% 88%)`,
    shape: (seed >> 8) % 5, turn: (seed >> 12) % 360, letter: [...bare][0]?.toUpperCase() ?? "·",
  };
}
