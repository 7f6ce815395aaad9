export type Lang = "en" | "zh";

const LOCALES: Record<Lang, string> = { en: "en", zh: "zh-CN" };
const formats = new Map<string, Intl.NumberFormat>();

function format(lang: Lang, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const name = lang + JSON.stringify(options);
  let found = formats.get(name);
  if (!found) formats.set(name, (found = new Intl.NumberFormat(LOCALES[lang], options)));
  return found;
}

export const number = (value: number, lang: Lang): string => format(lang, { maximumFractionDigits: 2 }).format(value);

/** An amount in major units, without cents where there are none; a currency that nobody knows is written beside it. */
export function price(value: number, currency: string, lang: Lang): string {
  const digits = Number.isInteger(value) ? 0 : 2;
  const places = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  try {
    return format(lang, { style: "currency", currency, currencyDisplay: "narrowSymbol", ...places }).format(value);
  } catch {
    return `${format(lang, places).format(value)} ${currency}`.trim();
  }
}

/** The hour for today, the day for this year, else the date. */
export function when(iso: string, lang: Lang, now: Date): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return "";
  const day = time.toDateString() === now.toDateString();
  const year = time.getFullYear() === now.getFullYear();
  const options: Intl.DateTimeFormatOptions = day
    ? { hour: lang === "zh" ? "2-digit" : "numeric", minute: "2-digit" }
    : { month: "short", day: "numeric", ...(year ? {} : { year: "numeric" }) };
  return new Intl.DateTimeFormat(LOCALES[lang], options).format(time);
}

/** `{name}` in a text, filled. */
export const fill = (text: string, slots: Record<string, string | number>): string => text.replace(/\{(\w+)\}/g, (_, name: string) => String(slots[name] ?? ""));

/** The language a text is written in, by its script. */
export const languageOf = (text: string): Lang => (/[\u3400-\u9fff]/.test(text) ? "zh" : "en");
