// The tracker on the pages of this shop. A shop whose key never changes writes the script elements into its pages
// and needs none of this file but `tell`; see docs/tracker.md.

import { KEY, URL_OF_PERIPLUS } from "./config.js";

window.periplus ??= function () {
  (window.periplus.q ??= []).push(arguments);
};

/** Says something to Periplus, and keeps it for the list on the last page. */
export function tell(name, properties) {
  window.periplus(name, properties);
  const told = [...toldSoFar(), { name, page: document.title.split(" · ")[0] }];
  sessionStorage.setItem("told", JSON.stringify(told.slice(-60)));
}

export const toldSoFar = () => JSON.parse(sessionStorage.getItem("told") ?? "[]");

export const measured = KEY !== "";

if (measured) {
  window.periplus("init", { key: KEY, url: URL_OF_PERIPLUS, consent: "required" });
  for (const name of ["periplus.js", "periplus-experience.js"]) {
    const script = document.createElement("script");
    script.src = `${URL_OF_PERIPLUS}/${name}`;
    document.head.append(script);
  }
}
