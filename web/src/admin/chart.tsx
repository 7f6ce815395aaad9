import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Desk } from "./desk";
import { Table } from "./parts";
import { largest, line, runs, scale, spread, ticks, totals } from "./plot";

export interface Series { name: string; values: (number | null)[]; as: "bar" | "line"; tone: number; dashed?: boolean }
interface Props { desk: Desk; title: string; series: Series[]; starts: Date[]; unit: (value: number) => string; whole?: boolean; bars?: "nested" | "stacked" }

const HEIGHT = 170;
const EDGE = { top: 8, right: 6, bottom: 22, left: 52 };

/** Values over time: bars from the same foot, lines with gaps where nothing is known, and the same numbers as a table. */
export function Chart({ desk, title, series, starts, unit, whole = false, bars: form = "stacked" }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [width, measure] = useState(520);
  const [at, point] = useState<number | null>(null);
  const [open, show] = useState(false);
  const named = useId();
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => measure(Math.max(240, Math.round(entry?.contentRect.width ?? 520))));
    if (box.current) observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  const w = desk.words.value;
  const count = Math.max(1, starts.length);
  const bars = series.filter((one) => one.as === "bar");
  const marks = ticks(largest(form === "stacked" && bars.length ? [totals(bars.map((one) => one.values))] : series.map((one) => one.values)), whole ? 1 : 0);
  const y = scale(0, marks.at(-1) ?? 1, HEIGHT - EDGE.bottom, EDGE.top);
  const step = (width - EDGE.left - EDGE.right) / count;
  const x = (n: number): number => EDGE.left + (n + 0.5) * step;
  const block = (value: number, n: number, k: number): { x: number; width: number; y: number; height: number } => {
    const width = Math.max(1, step * 0.84 * (form === "nested" ? 1 - k * 0.3 : 1)); // parts of the first stand inside it, others on top of each other
    const foot = form === "nested" ? 0 : bars.slice(0, k).reduce((all, one) => all + (one.values[n] ?? 0), 0);
    return { x: x(n) - width / 2, width, y: y(foot + value), height: Math.max(1, y(foot) - y(foot + value)) };
  };
  const time = labels(starts, desk.lang);
  const told = (n: number): string => series.map((one) => `${one.name} ${one.values[n] === null || one.values[n] === undefined ? "–" : unit(one.values[n])}`).join(" · ");
  return (
    <figure class="plot">
      <figcaption>
        <h3 id={named}>{title}</h3>
        <ul class="legend">{series.map((one) => <li key={one.name}><i class={`key ${one.as === "line" ? "line" : ""} tone${one.tone} ${one.dashed ? "dashed" : ""}`} />{one.name}</li>)}</ul>
        <p class="readout" aria-hidden="true">{at === null || !starts[at] ? "" : `${time.long(at)} · ${told(at)}`}</p>
      </figcaption>
      <div ref={box} class="canvas" onPointerLeave={() => point(null)} onPointerMove={(event) => {
        const left = event.clientX - event.currentTarget.getBoundingClientRect().left;
        point(Math.max(0, Math.min(count - 1, Math.floor((left - EDGE.left) / step))));
      }}>
        <svg width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} role="img" aria-labelledby={named}>
          {marks.map((mark) => (
            <g key={mark}><line class="grid" x1={EDGE.left} x2={width - EDGE.right} y1={y(mark)} y2={y(mark)} /><text x={EDGE.left - 7} y={y(mark) + 4} text-anchor="end">{unit(mark)}</text></g>
          ))}
          {spread(starts.length, Math.floor(width / 84)).map((n) => <text key={n} x={x(n)} y={HEIGHT - 5} text-anchor="middle">{time.short(n)}</text>)}
          {at !== null ? <rect class="at" x={EDGE.left + at * step} y={EDGE.top} width={step} height={HEIGHT - EDGE.top - EDGE.bottom} /> : null}
          {bars.map((one, k) => one.values.map((value, n) => value ? <rect key={`${k}.${n}`} class={`tone${one.tone}`} {...block(value, n, k)} /> : null))}
          {series.filter((one) => one.as === "line").map((one) => runs(one.values, x, y).map((run, n) => (
            <g key={`${one.name}${n}`} class={`tone${one.tone}`}>
              {run.length > 1 ? <path class={one.dashed ? "dashed" : undefined} d={line(run)} /> : null}
              {run.length < 30 ? run.map(([cx, cy]) => <circle key={cx} cx={cx} cy={cy} r={run.length > 1 ? 1.8 : 3} />) : null}
            </g>
          )))}
        </svg>
      </div>
      <details onToggle={(event) => show(event.currentTarget.open)}>
        <summary>{w.asTable}</summary>
        {open ? (
          <Table name={title} head={[w.time, ...series.map((one) => one.name)]} numbers={series.map((_, n) => n + 1)}>
            {starts.map((_, n) => <tr key={n}><th scope="row">{time.long(n)}</th>{series.map((one) => <td key={one.name} class="num">{one.values[n] === null || one.values[n] === undefined ? "–" : unit(one.values[n])}</td>)}</tr>)}
          </Table>
        ) : null}
      </details>
    </figure>
  );
}

/** Hours within two days, else days. */
function labels(starts: readonly Date[], lang: string): { short: (n: number) => string; long: (n: number) => string } {
  const locale = lang === "zh" ? "zh-CN" : "en-GB";
  const hours = (starts.at(-1)?.getTime() ?? 0) - (starts[0]?.getTime() ?? 0) < 50 * 3_600_000;
  const short = new Intl.DateTimeFormat(locale, hours ? { hour: "2-digit", minute: "2-digit" } : { day: "numeric", month: "short" });
  const long = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  return { short: (n) => short.format(starts[n]), long: (n) => long.format(starts[n]) };
}
