// A cover drawn from what is known of an item. The same item has the same cover in every browser, and nothing is loaded for it.

export interface Shape {
  tag: "circle" | "rect" | "path";
  [attribute: string]: string | number;
}
export interface Cover {
  ground: string;
  shapes: Shape[];
  ink: string;
}
type Palette = readonly [ground: string, deep: string, light: string, spark: string];

const PALETTES: readonly Palette[] = [
  ["#b5523b", "#7c2f25", "#f2d8b8", "#e9a55d"], ["#1f4e52", "#12353a", "#e8d8ba", "#d98e5f"], ["#2f3f6e", "#1b274a", "#f0dab6", "#e07a5f"],
  ["#5c6b3b", "#374222", "#f1e8c9", "#dba842"], ["#613b5a", "#3b2139", "#f3d9d0", "#e59c7c"], ["#b97f27", "#7c5016", "#fbf0d6", "#56291a"],
  ["#4a6178", "#2d3f52", "#e9e5db", "#dbb471"], ["#8c3b4a", "#591f2f", "#f6dfd3", "#eab485"], ["#2f5d50", "#1b3c33", "#efe6d2", "#e3b14b"],
  ["#44403b", "#272421", "#e9dfcf", "#cc5a40"], ["#766b8c", "#4a4160", "#f3ebe0", "#eab8a3"], ["#3c7889", "#22505c", "#f3ead8", "#f1b968"],
];

/** Where an item has a colour, its cover has it too. */
const COLOURS: Record<string, number> = {
  red: 0, orange: 0, teal: 1, blue: 2, navy: 2, olive: 3, green: 8, purple: 4, violet: 10, gold: 5, yellow: 5, brown: 5, silver: 6, grey: 6, gray: 6,
  pink: 7, black: 9, white: 9, cyan: 11,
};

/** FNV-1a over code points. */
export function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (const char of text) sum = Math.imul(sum ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return sum;
}

/** A stream of numbers from 0 to 1 that a seed fixes (xorshift32). */
function dice(seed: number): () => number {
  let state = seed || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

type Draw = (roll: () => number, palette: Palette) => Shape[];
const round = (value: number): number => Math.round(value * 10) / 10;
const circle = (cx: number, cy: number, r: number, fill: string, opacity = 1): Shape => ({ tag: "circle", cx: round(cx), cy: round(cy), r: round(r), fill, opacity });
const path = (d: string, fill: string, opacity = 1): Shape => ({ tag: "path", d, fill, opacity });
const rect = (x: number, y: number, width: number, height: number, fill: string, opacity = 1): Shape =>
  ({ tag: "rect", x: round(x), y: round(y), width: round(width), height: round(height), fill, opacity });

/** The scenes; each fills 120 x 160 and stays quiet where the letter stands, at the lower left. */
const SCENES: readonly Draw[] = [
  function sunOverHills(roll, [, deep, light, spark]) {
    const far = 84 + roll() * 16;
    const near = 108 + roll() * 14;
    return [
      circle(36 + roll() * 48, 48 + roll() * 18, 18 + roll() * 10, spark),
      path(`M0 ${round(far)}C30 ${round(far - 24)} 54 ${round(far - 4)} 78 ${round(far - 14)}S108 ${round(far - 26)} 120 ${round(far - 10)}V160H0Z`, light, 0.22),
      path(`M0 ${round(near)}C26 ${round(near - 6)} 48 ${round(near - 22)} 80 ${round(near - 8)}S112 ${round(near)} 120 ${round(near - 6)}V160H0Z`, deep),
    ];
  },
  function rings(roll, [, deep, light, spark]) {
    const x = 84 + roll() * 30;
    const y = 36 + roll() * 30;
    return [74, 56, 39, 23].map((r, n) => circle(x, y, r, n % 2 ? light : deep, n % 2 ? 0.2 : 0.55)).concat(circle(x, y, 10, spark));
  },
  function columns(roll, [, deep, light, spark]) {
    const marked = Math.floor(roll() * 5);
    return [0, 1, 2, 3, 4].map((n) => {
      const top = 24 + roll() * 62;
      return rect(12 + n * 20, top, 15, 160 - top, n === marked ? spark : n % 2 ? light : deep, n === marked ? 1 : n % 2 ? 0.26 : 0.7);
    });
  },
  function arches(roll, [, deep, light, spark]) {
    const x = 60 + (roll() - 0.5) * 20;
    const fills = [deep, light, deep, spark];
    return [48, 36, 24, 12].map((r, n) => path(`M${round(x - r)} 160V${72 + n * 4}a${r} ${r} 0 0 1 ${2 * r} 0V160Z`, fills[n] ?? spark, n === 1 ? 0.28 : n === 3 ? 1 : 0.75));
  },
  function peaks(roll, [, deep, light, spark]) {
    const a = 30 + roll() * 20;
    const b = 74 + roll() * 20;
    return [
      circle(22 + roll() * 76, 34, 11 + roll() * 6, spark),
      path(`M${round(b - 58)} 160L${round(b)} ${round(52 + roll() * 14)}L${round(b + 58)} 160Z`, light, 0.24),
      path(`M${round(a - 56)} 160L${round(a)} ${round(78 + roll() * 14)}L${round(a + 56)} 160Z`, deep, 0.9),
    ];
  },
  function waves(roll, [, deep, light, spark]) {
    const lift = 10 + roll() * 10;
    const line = (y: number, fill: string, opacity: number): Shape => path(`M0 ${y}q30 ${round(-lift)} 60 0t60 0V160H0Z`, fill, opacity);
    return [circle(30 + roll() * 60, 46, 14 + roll() * 8, spark), line(78, light, 0.22), line(100, deep, 0.6), line(122, deep, 0.9)];
  },
  function tiles(roll, [, deep, light, spark]) {
    const turned = [(x: number, y: number) => `M${x} ${y}h40a40 40 0 0 1-40 40Z`, (x: number, y: number) => `M${x + 40} ${y}v40a40 40 0 0 1-40-40Z`,
      (x: number, y: number) => `M${x + 40} ${y + 40}h-40a40 40 0 0 1 40-40Z`, (x: number, y: number) => `M${x} ${y + 40}v-40a40 40 0 0 1 40 40Z`];
    const marked = Math.floor(roll() * 9);
    return Array.from({ length: 9 }, (_, n) => {
      const turn = turned[Math.floor(roll() * 4)] as (x: number, y: number) => string;
      return path(turn((n % 3) * 40, Math.floor(n / 3) * 40), n === marked ? spark : n % 2 ? light : deep, n === marked ? 1 : n % 2 ? 0.22 : 0.7);
    }).concat(rect(0, 120, 120, 40, deep, 0.5));
  },
  function moons(roll, [, deep, light, spark]) {
    const x = 44 + roll() * 20;
    return [circle(x, 62, 36, light, 0.24), circle(x + 28, 82, 36, deep, 0.75), circle(x + 14, 72, 11 + roll() * 6, spark)];
  },
  function slant(roll, [, deep, light, spark]) {
    const at = 6 + roll() * 24;
    const band = (x: number, width: number, fill: string, opacity: number): Shape => path(`M${round(x)} 160L${round(x + 74)} 0h${width}L${round(x + width)} 160Z`, fill, opacity);
    return [band(at - 40, 26, deep, 0.7), band(at, 12, spark, 1), band(at + 26, 34, light, 0.2), band(at + 74, 18, deep, 0.5)];
  },
  function stage(roll, [, deep, light, spark]) {
    const x = 34 + roll() * 52;
    return [path(`M${round(x)} 0L${round(x - 46)} 132H${round(x + 46)}Z`, light, 0.2), rect(0, 126, 120, 34, deep, 0.9), circle(x, 112, 13, spark)];
  },
];

/** The first letter of a name that tells something: neither an article nor a quotation mark. */
export function letterOf(name: string): string {
  const bare = name.replace(/^(the|a|an)\s+(?=\S)/i, "").replace(/^[《「『"“'‘(（]+/, "");
  return [...bare][0]?.toUpperCase() ?? "·";
}

/** Colours by kind (genre or brand) or by the item's own colour, scene by the title. */
export function cover(title: string, kind: string, colour = ""): Cover {
  const seed = hash(title);
  const named = Object.keys(COLOURS).find((name) => colour.toLowerCase().includes(name));
  const palette = PALETTES[named ? (COLOURS[named] as number) : hash(kind || title) % PALETTES.length] as Palette;
  const [ground, deep, light, spark] = palette;
  const dark = (seed >>> 5) % 3 === 0; // one of three is drawn on the deep tone, so that a shelf of one genre is not one wall
  const used: Palette = dark ? [deep, ground, light, spark] : palette;
  const scene = SCENES[(seed >>> 9) % SCENES.length] as Draw;
  return { ground: used[0], shapes: scene(dice(seed ^ 0x9e3779b9), used), ink: light };
}
