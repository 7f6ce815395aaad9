// The arithmetic of the plots; no DOM.

/** From 0 to at least `most` in about `wanted` steps of 1, 2 or 5 times a power of ten, none below `least`. */
export function ticks(most: number, least = 0, wanted = 4): number[] {
  if (!(most > 0)) return [0, 1];
  const rough = most / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(least, power * ([1, 2, 5].find((one) => one * power >= rough * 0.999) ?? 10));
  const count = Math.ceil(most / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, n) => Number((n * step).toPrecision(12)));
}

/** A straight scale from a domain to a range. */
export const scale = (from: number, to: number, low: number, high: number) => (value: number): number =>
  to === from ? low : low + ((value - from) / (to - from)) * (high - low);

/** The runs of known values as lists of points; a gap stays a gap. */
export function runs(values: readonly (number | null)[], x: (n: number) => number, y: (value: number) => number): [number, number][][] {
  const found: [number, number][][] = [];
  let open = false;
  values.forEach((value, n) => {
    if (value === null) {
      open = false;
      return;
    }
    if (!open) found.push([]);
    open = true;
    found.at(-1)?.push([x(n), y(value)]);
  });
  return found;
}

/** A run as the `d` of a path. */
export const line = (run: readonly [number, number][]): string => run.map(([x, y], n) => `${n ? "L" : "M"}${round(x)} ${round(y)}`).join("");

/** At most `wanted` of the first `count` whole numbers, evenly apart, the first among them. */
export function spread(count: number, wanted: number): number[] {
  const step = Math.max(1, Math.ceil(count / Math.max(1, wanted)));
  return Array.from({ length: Math.ceil(count / step) }, (_, n) => n * step);
}

/** The largest known value of several series; 0 where nothing is known. */
export const largest = (series: readonly (readonly (number | null)[])[]): number => Math.max(0, ...series.flat().filter((value) => value !== null));

/** Several series added up place by place; what is not known adds nothing. */
export const totals = (series: readonly (readonly (number | null)[])[]): number[] => (series[0] ?? []).map((_, n) => series.reduce((all, values) => all + (values[n] ?? 0), 0));

const round = (value: number): number => Math.round(value * 10) / 10;
