// The moment before the page is hidden or gone. In the capture phase, so that the tracker, which sends then, hears of it in time.

export function leaving(act) {
  addEventListener("visibilitychange", () => document.visibilityState == "hidden" && act(), true);
  addEventListener("pagehide", act, true);
}
