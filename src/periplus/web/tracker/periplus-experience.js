// An add-on to the Periplus tracker, for pages where one wants to know how it felt: timings, script errors,
// rage clicks, and time and trouble per form field. What it finds becomes ordinary events of the tracker.
//
//   <script async src="https://stats.shop.example/periplus-experience.js"></script>

/* global BUILD: the hash of this source, by build.mjs */

import { errors } from "./periplus-experience/errors.js";
import { forms } from "./periplus-experience/forms.js";
import { rage } from "./periplus-experience/rage.js";
import { vitals } from "./periplus-experience/vitals.js";

// Whichever of the two scripts comes first: the tracker answers what was said before it was there.
window.periplus =
  window.periplus ||
  function () {
    (window.periplus.q = window.periplus.q || []).push(arguments);
  };

if (!window.periplus.watching) {
  window.periplus.watching = BUILD;
  const track = (event, properties) => window.periplus("track", event, properties);
  for (const watch of [vitals, errors, rage, forms]) watch(track);
}
