// What the tabs of one visitor tell each other, and what a tab keeps for itself.

/** Tells other tabs that a conversation went on here, and hears it of them. Silent where the browser has no channel. */
export class Tabs {
  private readonly channel: BroadcastChannel | null;

  constructor(place: string, heard: (session: string) => void) {
    this.channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(`zhiyin${place}`);
    if (this.channel) this.channel.onmessage = (event: MessageEvent<unknown>) => typeof event.data === "string" && heard(event.data);
  }

  tell(session: string): void {
    if (session) this.channel?.postMessage(session);
  }
}

/** Where the tab's own address names the conversation, so that back, forward, a reload and a bookmark find it. A widget has none: the address is its host's. */
export interface Address {
  read(): string;
  write(session: string, replacing: boolean): void;
  /** Calls where the visitor went back or forward. */
  moved(go: (session: string) => void): void;
}

const MARK = "#/c/";

export const address: Address = {
  read: () => (location.hash.startsWith(MARK) ? location.hash.slice(MARK.length) : ""),
  write(session, replacing) {
    if (session === address.read()) return;
    const place = session ? MARK + session : location.pathname + location.search;
    if (replacing) history.replaceState(null, "", place);
    else history.pushState(null, "", place);
  },
  moved(go) {
    addEventListener("popstate", () => go(address.read()));
  },
};
