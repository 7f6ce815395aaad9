import { render } from "preact";
import { App } from "./chat/app";
import "./chat/chat.css";
import { Chat } from "./chat/store";
import { address } from "./chat/tabs";
import { kept } from "./shared/kept";
import { Look } from "./shared/look";

const root = document.documentElement;
const store = kept();
const chat = new Chat({ server: "", key: "" }, store, new Look(store), kept(() => sessionStorage), address);
render(<App chat={chat} root={root} />, document.getElementById("app") as HTMLElement);
