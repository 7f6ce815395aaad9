/** The browser's storage, or a stand-in where it is forbidden (private windows, frames of other sites). */
export function kept(of: () => Storage = () => localStorage): Storage {
  try {
    const store = of();
    store.setItem("zhiyin.probe", "1");
    store.removeItem("zhiyin.probe");
    return forgiving(store);
  } catch {
    return inMemory();
  }
}

/** The same storage; where it is full the note is lost, and nothing else. */
function forgiving(store: Storage): Storage {
  return {
    get length() {
      return store.length;
    },
    clear: () => store.clear(),
    getItem: (name) => store.getItem(name),
    key: (n) => store.key(n),
    removeItem: (name) => store.removeItem(name),
    setItem(name, value) {
      try {
        store.setItem(name, value);
      } catch {
        /* what is kept is a comfort, never the only copy on the screen */
      }
    },
  };
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

/** Keep it, or forget it where it is nothing. */
export function write(store: Storage, name: string, value: unknown): void {
  if (value === null || value === undefined) store.removeItem(name);
  else store.setItem(name, JSON.stringify(value));
}
