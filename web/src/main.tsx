import { render } from "preact";
import { App } from "./app";
import { Chat } from "./chat";
import { kept, language } from "./kept";
import "./style.css";

const store = kept();
const root = document.documentElement;
render(<App chat={new Chat({ server: "", key: "" }, store, language(store))} root={root} />, document.getElementById("app") as HTMLElement);
