import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Icon } from "./icons";

interface Props {
  title: string;
  closing: string;
  close: () => void;
  kind?: "" | "wide" | "drawer";
  children: ComponentChildren;
}

/** A modal dialog: the browser keeps the focus inside, Escape and a click beside it close it, and the focus goes back. */
export function Dialog({ title, closing, close, kind = "", children }: Props) {
  const box = useRef<HTMLDialogElement>(null);
  const name = useId();
  useEffect(() => {
    box.current?.showModal(); // it is closed by being taken away; close() then would tell the next panel to close
  }, []);
  return (
    <dialog ref={box} class={`dialog ${kind}`} aria-labelledby={name} onClose={close} onClick={(event) => event.target === box.current && box.current?.close()}>
      <div class="sheet">
        <header>
          <h2 id={name}>{title}</h2>
          <button type="button" class="round" aria-label={closing} title={closing} onClick={() => box.current?.close()}><Icon sign="close" /></button>
        </header>
        <div class="inside">{children}</div>
      </div>
    </dialog>
  );
}

/** As a `ref`: the element takes the focus when it comes, once. */
export const focused = (element: HTMLElement | null): void => element?.focus();
