// Attention: the time a page is really in view, how far down it was read, and the moment somebody turns to leave.
//
// The time is told whenever the page is left or hidden, each time what has passed since: the parts add up.

import { track } from "./message.js";
import { hidden, send } from "./outbox.js";

let since = 0; // from when the time in view is not told yet, milliseconds; 0 while the page is hidden
let deepest = 0;
let turned = false;

function look() {
  const depth = (100 * (scrollY + innerHeight)) / document.documentElement.scrollHeight;
  deepest = Math.min(100, Math.max(deepest, Math.round(depth)));
}

function resume() {
  since = hidden() ? 0 : performance.now();
}

/** Tells the time in view, and begins anew. */
export function leave() {
  look();
  const seconds = Math.round((performance.now() - since) / 100) / 10;
  if (since && seconds) track("Page Left", { visible_seconds: seconds, scroll_percent: deepest });
  deepest = 0;
  turned = false;
  resume();
}

export function attend() {
  resume();
  addEventListener("scroll", look, { passive: true });
  document.addEventListener("mouseout", (event) => {
    if (!event.relatedTarget && event.clientY <= 0 && !turned) {
      turned = true;
      track("Exit Intended");
    }
  });
  const gone = () => {
    dispatchEvent(new Event("periplus")); // the add-on tells what it has, and one request carries all
    leave();
    send(true);
  };
  document.addEventListener("visibilitychange", () => (hidden() ? gone() : resume()));
  addEventListener("pagehide", gone);
}
