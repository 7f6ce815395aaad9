import type { Signal } from "@preact/signals";
import { Dialog } from "../shared/dialog";
import { SIZES, THEMES } from "../shared/look";
import type { Chat } from "./store";

/** Theme, language, size of text, and what the keyboard does. */
export function Settings({ chat, close }: { chat: Chat; close: () => void }) {
  const w = chat.words.value;
  const { theme, size, lang } = chat.look;
  const choice = <T extends string>(name: string, title: string, all: readonly T[], chosen: Signal<T>, label: (one: T) => string) => (
    <fieldset>
      <legend>{title}</legend>
      {all.map((one) => (
        <label class="choice" key={one}><input type="radio" name={name} checked={chosen.value === one} onChange={() => (chosen.value = one)} /><span lang={name === "lang" ? one : undefined}>{label(one)}</span></label>
      ))}
    </fieldset>
  );
  const keys: [string, string][] = [
    ["Enter", w.kSend], ["Shift + Enter", w.kBreak], ["Esc", w.kStop], ["↑", w.kLast], ["Ctrl/⌘ + K", w.kNew], ["Alt + L", w.kField], ["Alt + U", w.kUndo], ["Alt + ↑ ↓", w.kTurns], ["Ctrl/⌘ + /", w.kKeys],
  ];
  return (
    <Dialog title={w.settings} closing={w.close} close={close}>
      {choice("theme", w.theme, THEMES, theme, (one) => w[one])}
      {choice("lang", w.language, ["zh", "en"], lang, (one) => (one === "zh" ? "中文" : "English"))}
      {choice("size", w.size, SIZES, size, (one) => w[one])}
      <h3>{w.keys}</h3>
      <dl class="keys">{keys.map(([key, does]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{does}</dd></div>)}</dl>
    </Dialog>
  );
}
