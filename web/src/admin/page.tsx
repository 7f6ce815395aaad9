import { render } from "preact";
import { kept } from "../shared/kept";
import { Look } from "../shared/look";
import "./admin.css";
import { App } from "./app";
import { Desk } from "./desk";

const desk = new Desk(kept(() => sessionStorage), new Look(kept())); // the key goes with the tab
render(<App desk={desk} root={document.documentElement} />, document.getElementById("desk") as HTMLElement);
