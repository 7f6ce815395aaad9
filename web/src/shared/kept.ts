/** localStorage, or a stand-in where the browser forbids it (private windows, frames of other sites). */
export function kept(): Storage {
  try {
    localStorage.setItem("zhiyin.probe", "1");
    localStorage.removeItem("zhiyin.probe");
    return localStorage;
  } catch {
    return inMemory();
  }
}

/** A Storage that lives as long as the page. */
export function inMemory(): Storage {
  const held = new Map<string, string>();
  return {
    get length() {
      return held.size;
    },
    clear: () => held.clear(),
    getItem: (name) => held.get(name) ?? null,
    key: (n) => [...held.keys()][n] ?? null,
    removeItem: (name) => void held.delete(name),
    setItem: (name, value) => void held.set(name, value),
  };
}

/** What is kept under a name as JSON; `otherwise` where there is nothing, or nothing that can be read. */
export function read<T>(store: Storage, name: string, otherwise: T): T {
  try {
    const text = store.getItem(name);
    return text === null ? otherwise : (JSON.parse(text) as T);
  } catch {
    return otherwise;
  }
}

/** Keep it; a full storage loses the note, not the page. */
export function write(store: Storage, name: string, value: unknown): void {
  try {
    if (value === null || value === undefined) store.removeItem(name);
    else store.setItem(name, JSON.stringify(value));
  } catch {
    /* storage is full: what is kept is a comfort, never the only copy on the screen */
  }
}
