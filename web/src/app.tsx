import { useEffect, useState } from "preact/hooks";
import type { Chat } from "./chat";
import { Composer } from "./compose";
import { Log } from "./log";
import { Compare, History, type Look, Looks, Me } from "./panels";
import { fill } from "./text";

export function App({ chat, root, theme }: { chat: Chat; root: HTMLElement; theme?: string }) {
  const [panel, open] = useState<"" | "history" | "me" | "look" | "compare">("");
  const [look, setLook] = useState<Look>(() => ({ theme: theme ?? chat.kept.getItem("zhiyin.theme") ?? "system", size: chat.kept.getItem("zhiyin.size") ?? "m" }));
  const w = chat.words.value;
  const close = () => open("");
  useEffect(() => {
    root.dataset.theme = look.theme;
    root.dataset.size = look.size;
    chat.kept.setItem("zhiyin.theme", look.theme);
    chat.kept.setItem("zhiyin.size", look.size);
  }, [look]);
  useEffect(() => {
    root.lang = chat.lang.value;
  }, [chat.lang.value]);
  useEffect(() => {
    void chat.start();
    const online = () => void chat.flush();
    const keys = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.isComposing && chat.busy.value) chat.stop();
      if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        chat.fresh();
      }
    };
    addEventListener("online", online);
    root.addEventListener("keydown", keys);
    return () => {
      removeEventListener("online", online);
      root.removeEventListener("keydown", keys);
    };
  }, []);
  return (
    <div class="zhiyin">
      <header class="top">
        <p class="brand"><span lang="zh">知音</span> <span lang="en" class="latin">Zhiyin</span></p>
        <nav aria-label={w.menu}>
          <button type="button" class="quietbutton" onClick={() => chat.fresh()}>{w.fresh}</button>
          <button type="button" class="quietbutton" onClick={() => open("history")}>{w.history}</button>
          <button type="button" class="quietbutton" onClick={() => open("me")}>{w.me}</button>
          <button type="button" class="quietbutton" onClick={() => open("look")}>{w.settings}</button>
          <button type="button" class="quietbutton" lang={chat.lang.value === "zh" ? "en" : "zh"} onClick={() => { chat.lang.value = chat.lang.value === "zh" ? "en" : "zh"; chat.kept.setItem("zhiyin.lang", chat.lang.value); void chat.greet(); }}>{chat.lang.value === "zh" ? "English" : "中文"}</button>
        </nav>
      </header>
      <main>
        <Log chat={chat} />
        {chat.tray.value.length ? (
          <div class="tray" role="group" aria-label={w.compare}>
            {chat.tray.value.map((c) => <button type="button" class="pill" key={c.id} aria-label={`${w.remove}: ${c.title}`} onClick={() => chat.toggleTray(c)}>{c.titles[chat.lang.value] ?? c.title} ×</button>)}
            {chat.tray.value.length > 1 ? <button type="button" class="main" onClick={() => open("compare")}>{fill(w.compareNow, { n: chat.tray.value.length })}</button> : <span class="hint">{w.compareHint}</span>}
          </div>
        ) : null}
        <Composer chat={chat} />
      </main>
      <p class="sr" role="status" aria-live="polite">{chat.said.value}</p>
      {panel === "history" ? <History chat={chat} close={close} /> : null}
      {panel === "me" ? <Me chat={chat} close={close} /> : null}
      {panel === "look" ? <Looks chat={chat} close={close} look={look} set={setLook} /> : null}
      {panel === "compare" ? <Compare chat={chat} close={close} /> : null}
    </div>
  );
}
