import { render } from "preact";
import { App } from "./app";
import { Chat } from "./chat";
import { kept, language } from "./kept";
import style from "./style.css?inline";

const own = document.currentScript instanceof HTMLScriptElement ? new URL(document.currentScript.src).origin : "";

/** `<zhiyin-chat server="https://..." key="pk_..." lang="zh" theme="dark">`: the chat in a shadow root, so that neither page's styles meet. */
class ZhiyinChat extends HTMLElement {
  connectedCallback(): void {
    if (this.shadowRoot) return;
    const shadow = this.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style);
    shadow.adoptedStyleSheets = [sheet];
    const root = document.createElement("div");
    root.className = "root";
    shadow.append(root);
    const store = kept();
    const place = { server: (this.getAttribute("server") ?? own).replace(/\/$/, ""), key: this.getAttribute("key") ?? "" };
    render(<App chat={new Chat(place, store, language(store, this.getAttribute("lang")))} root={root} theme={this.getAttribute("theme") ?? undefined} />, root);
  }
}

if (!customElements.get("zhiyin-chat")) customElements.define("zhiyin-chat", ZhiyinChat);
