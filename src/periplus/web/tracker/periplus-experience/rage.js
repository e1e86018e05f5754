// Rage Clicked: three clicks and more on one spot, each within a second of the last. Told once the clicking is over.
//
// Where quick clicks are meant (the + of a quantity), mark the element or one above it: data-periplus-repeat.

import { described } from "./element.js";
import { leaving } from "./leaving.js";

const CLICKS = 3;
const PAUSE = 1000; // milliseconds
const SPOT = 30; // pixels
const MEANT = "[data-periplus-repeat], input, select, textarea, option, [contenteditable]";

export function rage(track) {
  let clicks = 0;
  let last;
  let timer;
  const over = () => {
    clearTimeout(timer);
    // Three clicks on a paragraph select it.
    if (clicks >= CLICKS && !`${getSelection() || ""}`.trim()) {
      track("Rage Clicked", { element: described(last.target), clicks });
    }
    clicks = 0;
  };
  addEventListener("click", (event) => {
    const { target, clientX: x, clientY: y } = event;
    if (!(target instanceof Element) || !event.isTrusted) return;
    const near = clicks && Math.abs(x - last.x) < SPOT && Math.abs(y - last.y) < SPOT;
    if (!near) over();
    if (target.closest(MEANT)) return;
    clicks++;
    last = { target, x, y };
    clearTimeout(timer);
    timer = setTimeout(over, PAUSE);
  }, true);
  leaving(over);
}
