import { useEffect, useRef, useState } from "preact/hooks";
import { Dialog } from "../shared/dialog";
import { Icon } from "../shared/icons";
import { Dock, Toasts } from "./composer";
import { History } from "./history";
import { Log } from "./log";
import { Me } from "./me";
import { Settings } from "./settings";
import type { Chat } from "./store";
import { Compare, Tray } from "./tray";

type Panel = "" | "menu" | "me" | "settings" | "compare";

/** The whole chat; `root` carries theme, size and language, and is the page's body or the widget's shadow root. */
export function App({ chat, root }: { chat: Chat; root: HTMLElement }) {
  const [panel, open] = useState<Panel>("");
  const box = useRef<HTMLDivElement>(null);
  const w = chat.words.value;
  const lang = chat.look.lang.value;
  const noModel = chat.greeting.value?.notices.find((notice) => notice.code === "no_model");
  const shut = (which: Panel) => (): void => open((now) => (now === which ? "" : now)); // a dialog tells that it closed after the next one may be open
  useEffect(() => chat.look.apply(root), []);
  useEffect(() => void chat.greet(), [lang]);
  useEffect(() => {
    void chat.start();
    const online = (): void => chat.online();
    const keys = (event: KeyboardEvent): void => onKey(event, chat, box.current, open);
    const width = new ResizeObserver(([entry]) => (chat.narrow.value = (entry?.contentRect.width ?? 1000) < 600));
    if (box.current) width.observe(box.current);
    addEventListener("online", online);
    root.addEventListener("keydown", keys);
    return () => {
      width.disconnect();
      removeEventListener("online", online);
      root.removeEventListener("keydown", keys);
    };
  }, []);
  const field = (): void => box.current?.querySelector("textarea")?.focus();
  const fresh = (): void => {
    open("");
    chat.fresh();
    field();
  };
  const menu = (
    <>
      <button type="button" class="new" onClick={fresh}><Icon sign="add" /> {w.fresh}</button>
      <h2>{w.history}</h2>
      <div class="past"><History chat={chat} chosen={() => open("")} /></div>
      <div class="last">
        <button type="button" class="entry" onClick={() => open("me")}><Icon sign="person" /> {w.me}</button>
        <button type="button" class="entry" onClick={() => open("settings")}><Icon sign="look" /> {w.settings}</button>
      </div>
    </>
  );
  return (
    <div class="zhiyin" ref={box}>
      <button type="button" class="jump" onClick={field}>{w.skipTo}</button>
      <div class="frame">
      <nav class="rail" aria-label={w.menu}>
        <p class="brand"><Brand /></p>
        {menu}
      </nav>
      <header class="top">
        <button type="button" class="round menu" aria-label={w.menu} title={w.menu} onClick={() => open("menu")}><Icon sign="menu" /></button>
        <p class="brand"><Brand /></p>
        {noModel ? <button type="button" class="mode" onClick={() => (chat.toast.value = { text: noModel.text, undo: false })}>{w.noModel}</button> : null}
        <span class="gap" />
        <button type="button" class="flat" lang={lang === "zh" ? "en" : "zh-CN"} onClick={() => (chat.look.lang.value = lang === "zh" ? "en" : "zh")}>{lang === "zh" ? "English" : "中文"}</button>
        <button type="button" class="round menu" aria-label={w.fresh} title={w.fresh} onClick={fresh}><Icon sign="add" /></button>
      </header>
      <main>
        <Log chat={chat} />
        <Toasts chat={chat} />
        <Tray chat={chat} compare={() => open("compare")} />
        <Dock chat={chat} />
      </main>
      </div>
      <p class="sr" role="status" aria-live="polite" lang={chat.view.value.turns.at(-1)?.language}>{chat.told.value}</p>
      {panel === "menu" ? <Dialog title={w.menu} closing={w.close} close={shut("menu")} kind="drawer">{menu}</Dialog> : null}
      {panel === "me" ? <Me chat={chat} close={shut("me")} /> : null}
      {panel === "settings" ? <Settings chat={chat} close={shut("settings")} /> : null}
      {panel === "compare" ? <Compare chat={chat} close={shut("compare")} /> : null}
    </div>
  );
}

function Brand() {
  return <><span class="seal" lang="zh-CN">知音</span> <span class="latin" lang="en">Zhiyin</span></>;
}

/** The keyboard map; single letters are never taken from somebody who types. */
function onKey(event: KeyboardEvent, chat: Chat, box: HTMLElement | null, open: (panel: Panel) => void): void {
  if (event.isComposing) return;
  const held = event.ctrlKey || event.metaKey;
  const act = (work: () => void): void => {
    event.preventDefault();
    work();
  };
  const inDialog = box?.querySelector("dialog[open]") !== null;
  if (event.key === "Escape" && !inDialog && chat.busy.value) act(() => chat.stop());
  else if (held && event.key.toLowerCase() === "k") act(() => chat.fresh());
  else if (held && event.key === "/") act(() => open("settings"));
  else if (event.altKey && event.code === "KeyL") act(() => box?.querySelector("textarea")?.focus());
  else if (event.altKey && event.code === "KeyU") act(() => void chat.undo());
  else if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) act(() => step(box, event.key === "ArrowUp" ? -1 : 1));
}

function step(box: HTMLElement | null, by: number): void {
  const turns = [...(box?.querySelectorAll<HTMLElement>(".turn") ?? [])];
  const active = turns.findIndex((turn) => turn.matches(":focus, :focus-within"));
  const next = turns[active < 0 ? turns.length - 1 : Math.min(turns.length - 1, Math.max(0, active + by))];
  next?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: "start" });
}
