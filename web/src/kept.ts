import type { Lang } from "./types";

/** localStorage, or a stand-in where the browser forbids it (private windows, third-party frames). */
export function kept(): Storage {
  try {
    localStorage.setItem("zhiyin.probe", "1");
    localStorage.removeItem("zhiyin.probe");
    return localStorage;
  } catch {
    const held = new Map<string, string>();
    return { get length() { return held.size; }, clear: () => held.clear(), getItem: (k) => held.get(k) ?? null, key: (n) => [...held.keys()][n] ?? null, removeItem: (k) => void held.delete(k), setItem: (k, v) => void held.set(k, v) };
  }
}

export function language(store: Storage, given?: string | null): Lang {
  const wanted = given ?? store.getItem("zhiyin.lang") ?? navigator.language;
  return wanted.toLowerCase().startsWith("zh") ? "zh" : "en";
}
