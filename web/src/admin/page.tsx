import { render } from "preact";
import { inMemory, kept } from "../shared/kept";
import { Look } from "../shared/look";
import "./admin.css";
import { App } from "./app";
import { Desk } from "./desk";

/** sessionStorage: the key goes with the tab; a stand-in where the browser forbids it. */
function forThisTab(): Storage {
  try {
    sessionStorage.setItem("zhiyin.probe", "1");
    sessionStorage.removeItem("zhiyin.probe");
    return sessionStorage;
  } catch {
    return inMemory();
  }
}

const desk = new Desk(forThisTab(), new Look(kept()));
render(<App desk={desk} root={document.documentElement} />, document.getElementById("desk") as HTMLElement);
