// What every page has: the head, the foot, and the bar that asks what may be measured.

import { count } from "./basket.js";
import { make } from "./elements.js";
import { measured, tell } from "./measure.js";

export function frame() {
  const query = new URLSearchParams(location.search).get("q") ?? "";
  document.body.prepend(
    make("a", { class: "skip", href: "#main" }, "To the page"),
    measured ? "" : make("p", { class: "notice" }, "Nothing is measured yet: put your write key into config.js, or open this page with ?key=… "),
    make(
      "header",
      {},
      make("a", { class: "brand", href: "index.html" }, "Kalamos"),
      make(
        "form",
        { action: "index.html", role: "search", id: "search" },
        make("input", { type: "search", name: "q", value: query, placeholder: "Search the shop", "aria-label": "Search the shop" }),
      ),
      make("a", { class: "basket", href: "cart.html" }, "Basket ", make("b", { id: "count" }, String(count()))),
    ),
  );
  document.body.append(
    make(
      "footer",
      {},
      make("span", {}, "Kalamos does not exist. It shows what Periplus sees of a shop."),
      make("button", { class: "quiet", type: "button", onclick: ask }, "Privacy choices"),
    ),
  );
  // The tracker keeps the answer, for half a year.
  if (measured && !document.cookie.includes("periplus_consent=")) ask();
}

export function recount() {
  document.querySelector("#count").textContent = String(count());
}

/** The bar. Two answers, equally easy. */
function ask() {
  document.querySelector(".consent")?.remove();
  const answer = (yes) => () => {
    tell("consent", { analytics: yes, personalisation: yes, marketing: false });
    bar.remove();
  };
  const bar = make(
    "section",
    { class: "consent", "aria-label": "Privacy choices" },
    make("p", {}, make("b", {}, "May we count your visit? "), "We look at which pages help and where people get stuck. It stays on our own server, and nothing is stored or sent before you say yes."),
    make("div", { class: "answers" }, make("button", { type: "button", id: "no", onclick: answer(false) }, "No, thank you"), make("button", { type: "button", id: "yes", onclick: answer(true) }, "Yes, you may")),
  );
  document.body.append(bar);
}
