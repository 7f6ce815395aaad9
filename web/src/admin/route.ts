// Where the operator is, as the hash of the address: a reload, a bookmark and the back button keep the place.

export const PLACES = ["overview", "talks", "catalogue", "users", "imports", "model", "settings"] as const;
export type Place = (typeof PLACES)[number];

export interface Route {
  place: Place;
  path: string[];
  query: Record<string, string>;
}

/** The route that a hash names; the overview where it names none. */
export function readRoute(hash: string): Route {
  const [way = "", asked = ""] = hash.replace(/^#?\/?/, "").split(/\?(.*)/s);
  const [first = "", ...path] = way.split("/").filter(Boolean).map(decoded);
  const place = PLACES.find((one) => one === first);
  return place ? { place, path, query: Object.fromEntries(new URLSearchParams(asked)) } : { place: "overview", path: [], query: {} };
}

/** The hash of a place; empty values are left out. */
export function hashOf(place: Place, path: readonly (string | number)[] = [], query: Record<string, string> = {}): string {
  const asked = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "")).toString();
  return `#/${[place, ...path].map((part) => encodeURIComponent(part)).join("/")}${asked && `?${asked}`}`;
}

/** A path of the service with its parameters; empty ones are left out. */
export function pathOf(path: string, query: Record<string, string | number>): string {
  const asked = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "").map(([name, value]) => [name, String(value)])).toString();
  return path + (asked && `?${asked}`);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a stray % that somebody typed
  }
}
