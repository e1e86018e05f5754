// Page Experienced: once per page load, when it is first hidden or left: the Core Web Vitals and the way to them.
//
// As web.dev defines them: the largest paint before the first input; the worst window of layout shifts (at most 5 s long, with
// pauses under 1 s); the slowest interaction, one in fifty left out; first paint and first byte since the navigation began.

import { leaving } from "./leaving.js";

const SHIFT_PAUSE = 1000;
const SHIFT_WINDOW = 5000;
const SLOWEST_KEPT = 10;
const PER_OUTLIER = 50;

function observe(type, each, options) {
  try {
    const observer = new PerformanceObserver((list) => list.getEntries().forEach(each));
    observer.observe({ type, buffered: true, ...options });
  } catch {
    // This browser does not measure it.
  }
}

export function vitals(track) {
  const navigation = performance.getEntriesByType("navigation")[0];
  const begun = (navigation && navigation.activationStart) || 0;
  const since = (time) => Math.max(0, Math.round(time - begun));
  const found = {};
  let hidden = document.visibilityState == "hidden" && !document.prerendering ? 0 : Infinity;

  observe("paint", (entry) => {
    if (entry.name == "first-contentful-paint" && entry.startTime < hidden) found.fcp_ms = since(entry.startTime);
  });
  observe("largest-contentful-paint", (entry) => {
    if (entry.startTime < hidden) found.lcp_ms = since(entry.startTime);
  });

  let first = 0;
  let last = 0;
  let sum = 0;
  let worst = 0;
  observe("layout-shift", (entry) => {
    if (entry.hadRecentInput) return;
    const { startTime: time, value } = entry;
    const same = sum && time - last < SHIFT_PAUSE && time - first < SHIFT_WINDOW;
    if (!same) first = time;
    last = time;
    sum = same ? sum + value : value;
    worst = Math.max(worst, sum);
    found.cls = Math.round(worst * 1e4) / 1e4;
  });
  const shifts = window.PerformanceObserver && (PerformanceObserver.supportedEntryTypes || []).includes("layout-shift");
  if (shifts) found.cls = 0;

  const slowest = new Map(); // interaction → its longest event
  const interacted = (entry) => {
    if (!entry.interactionId) return;
    slowest.set(entry.interactionId, Math.max(entry.duration, slowest.get(entry.interactionId) || 0));
    if (slowest.size > SLOWEST_KEPT) slowest.delete([...slowest].sort((one, other) => one[1] - other[1])[0][0]);
  };
  observe("event", interacted, { durationThreshold: 40 });
  observe("first-input", interacted);

  let told = false;
  leaving(() => {
    if (told || document.prerendering) return;
    told = true;
    if (navigation) {
      found.ttfb_ms = since(navigation.responseStart);
      if (navigation.loadEventEnd) found.load_ms = since(navigation.loadEventEnd);
      found.navigation = navigation.type;
    }
    const durations = [...slowest.values()].sort((one, other) => other - one);
    if (durations.length) {
      const outliers = Math.floor((performance.interactionCount || durations.length) / PER_OUTLIER);
      found.inp_ms = Math.round(durations[Math.min(durations.length - 1, outliers)]);
    }
    track("Page Experienced", found);
  });
  addEventListener("visibilitychange", () => {
    if (document.visibilityState == "hidden") hidden = Math.min(hidden, performance.now());
  }, true);
}
