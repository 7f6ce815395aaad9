import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { App } from "./chat/app";
import style from "./chat/chat.css?inline";
import { Chat } from "./chat/store";
import { Icon } from "./shared/icons";
import { kept } from "./shared/kept";
import { Look } from "./shared/look";

const script = document.currentScript instanceof HTMLScriptElement ? document.currentScript : null;
const home = script ? new URL(script.src).origin : "";

/** A button in the corner that opens the chat over the page. */
function Launcher({ chat, root }: { chat: Chat; root: HTMLElement }) {
  const [open, set] = useState(false);
  const w = chat.words.value;
  useEffect(() => {
    if (open) root.querySelector("textarea")?.focus();
  }, [open]);
  return (
    <>
      {open ? <div class="window" role="dialog" aria-label={w.name} onKeyDown={(event) => event.key === "Escape" && !chat.busy.value && !event.defaultPrevented && !root.querySelector("dialog[open]") && set(false)}><App chat={chat} root={root} /></div> : null}
      <button type="button" class="launcher main" aria-expanded={open} aria-label={open ? w.close : w.name} onClick={() => set(!open)}>{open ? <Icon sign="close" size={24} /> : <span class="seal" lang="zh-CN" aria-hidden="true">知音</span>}</button>
    </>
  );
}

/** `<zhiyin-chat server="https://..." key="pk_..." lang="zh" theme="dark" launcher>`: the chat in a shadow root, so that neither page's styles meet. */
class ZhiyinChat extends HTMLElement {
  connectedCallback(): void {
    if (this.shadowRoot) return;
    const shadow = this.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style);
    shadow.adoptedStyleSheets = [sheet];
    const root = document.createElement("div");
    root.className = "root embedded";
    shadow.append(root);
    const store = kept();
    const look = new Look(store, { lang: this.getAttribute("lang"), theme: this.getAttribute("theme") });
    const chat = new Chat({ server: (this.getAttribute("server") ?? home).replace(/\/$/, ""), key: this.getAttribute("key") ?? "" }, store, look);
    look.apply(root);
    render(this.hasAttribute("launcher") ? <Launcher chat={chat} root={root} /> : <App chat={chat} root={root} />, root);
  }
}

if (!customElements.get("zhiyin-chat")) customElements.define("zhiyin-chat", ZhiyinChat);

/** With `data-launcher` the one script tag is all: it puts the element into the page by itself. */
if (script?.dataset.launcher !== undefined) {
  const element = document.createElement("zhiyin-chat");
  element.setAttribute("launcher", "");
  for (const name of ["server", "key", "lang", "theme"]) if (script.dataset[name]) element.setAttribute(name, script.dataset[name]);
  const add = (): void => void document.body.append(element);
  if (document.body) add();
  else addEventListener("DOMContentLoaded", add);
}
