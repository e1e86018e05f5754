// One product.

import { change } from "./basket.js";
import { make, money } from "./elements.js";
import { frame, recount } from "./frame.js";
import { byId, described } from "./goods.js";
import { tell } from "./measure.js";
import { picture } from "./pictures.js";

frame();
const product = byId(new URLSearchParams(location.search).get("id"));
const main = document.querySelector("main");

if (product) {
  document.title = `${product.name} · Kalamos`;
  const quantity = make("input", { type: "number", min: 1, max: 20, value: 1, "aria-label": "Quantity", id: "quantity" });
  const said = make("p", { role: "status", class: "said" });
  const add = () => {
    const pieces = Math.max(1, Math.min(20, Math.round(quantity.valueAsNumber) || 1));
    change(product.id, pieces);
    recount();
    tell("add", described(product, { quantity: pieces }));
    said.replaceChildren("In your basket. ", make("a", { href: "cart.html" }, "See the basket"));
  };
  const wish = make("button", { type: "button", class: "plain", onclick: () => {
    tell("wish", described(product));
    wish.textContent = "On your list";
    wish.disabled = true;
  } }, "Keep for later");
  main.append(
    make("div", { class: "stage" }, picture(product)),
    make(
      "div",
      { class: "about" },
      make("p", { class: "path" }, make("a", { href: "index.html" }, "Everything"), " / ", make("a", { href: `index.html?c=${product.category}` }, product.category)),
      make("h1", {}, product.name),
      make("p", { class: "price large" }, money(product.price)),
      make("p", {}, product.text),
      make("div", { class: "buy" }, quantity, make("button", { type: "button", class: "dark", id: "add", onclick: add }, "Add to basket"), wish),
      said,
      make("p", { class: "muted" }, "Delivered in three days, free from €60. Thirty days to change your mind."),
    ),
  );
  tell("product", described(product));
} else {
  main.append(make("div", {}, make("h1", {}, "This one is gone"), make("p", {}, "Perhaps it was the last. ", make("a", { href: "index.html" }, "See everything else"))));
}
