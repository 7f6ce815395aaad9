import { type Signal, signal } from "@preact/signals";
import type { Lang } from "./format";

export type Theme = "system" | "light" | "dark";
export type Size = "s" | "m" | "l" | "xl";
export const THEMES: readonly Theme[] = ["system", "light", "dark"];
export const SIZES: readonly Size[] = ["s", "m", "l", "xl"];

interface Given {
  lang?: string | null;
  theme?: string | null;
}

const oneOf = <T extends string>(wanted: string | null | undefined, all: readonly T[], otherwise: T): T => all.find((one) => one === wanted) ?? otherwise;

/** Language, theme and size of text: what the visitor chose, else what the page was told, else what the browser says. */
export class Look {
  readonly lang: Signal<Lang>;
  readonly theme: Signal<Theme>;
  readonly size: Signal<Size>;

  constructor(kept: Storage, given: Given = {}, spoken: string = navigator.language) {
    const wanted = kept.getItem("zhiyin.lang") ?? given.lang ?? spoken;
    this.lang = signal(wanted.toLowerCase().startsWith("zh") ? "zh" : "en");
    this.theme = signal(oneOf(kept.getItem("zhiyin.theme") ?? given.theme, THEMES, "system"));
    this.size = signal(oneOf(kept.getItem("zhiyin.size"), SIZES, "m"));
    keep(kept, "zhiyin.lang", this.lang);
    keep(kept, "zhiyin.theme", this.theme);
    keep(kept, "zhiyin.size", this.size);
  }

  /** Put it on an element, now and whenever it changes; the style sheet does the rest. */
  apply(root: HTMLElement): () => void {
    const stops = [
      this.lang.subscribe((lang) => (root.lang = lang === "zh" ? "zh-CN" : "en")),
      this.theme.subscribe((theme) => (root.dataset.theme = theme)),
      this.size.subscribe((size) => (root.dataset.size = size)),
    ];
    return () => stops.forEach((stop) => stop());
  }
}

/** Keep later choices, not what was merely found. */
function keep(kept: Storage, name: string, choice: Signal<string>): void {
  let first = true;
  choice.subscribe((value) => {
    if (!first) kept.setItem(name, value);
    first = false;
  });
}
