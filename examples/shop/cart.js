// The basket.

import { change, coupon, redeem, rows, sums } from "./basket.js";
import { make, money } from "./elements.js";
import { frame, recount } from "./frame.js";
import { described } from "./goods.js";
import { tell } from "./measure.js";
import { picture } from "./pictures.js";

frame();
const main = document.querySelector("main");

function draw() {
  recount();
  const found = rows();
  if (!found.length) {
    main.replaceChildren(make("h1", {}, "Your basket is empty"), make("p", {}, make("a", { href: "index.html" }, "Have a look around")));
    return;
  }
  const { subtotal, discount, delivery, total } = sums();
  const more = (product, by) => () => {
    change(product.id, by);
    tell(by > 0 ? "add" : "remove", described(product, { quantity: Math.abs(by) }));
    draw();
  };
  const lines = found.map(({ product, quantity }) =>
    make(
      "tr",
      {},
      make("td", { class: "thumb" }, picture(product)),
      make("th", { scope: "row" }, make("a", { href: `product.html?id=${product.id}` }, product.name)),
      make(
        "td",
        { class: "pieces" },
        // Quick clicks are meant here.
        make("span", { "data-periplus-repeat": true }, make("button", { type: "button", "aria-label": `One ${product.name} less`, onclick: more(product, -1) }, "−"), make("span", {}, String(quantity)), make("button", { type: "button", "aria-label": `One more ${product.name}`, onclick: more(product, 1) }, "+")),
      ),
      make("td", { class: "amount" }, money(product.price * quantity)),
    ),
  );
  const code = make("input", { name: "coupon", id: "coupon", autocomplete: "off", value: coupon() ?? "", placeholder: "WELCOME10", "aria-label": "Coupon" });
  const said = make("span", { role: "status", class: "said" });
  const apply = (event) => {
    event.preventDefault();
    const given = code.value.trim().toUpperCase();
    if (!redeem(given)) {
      said.textContent = "We do not know this one.";
      return;
    }
    tell("coupon", { coupon_id: given, coupon_name: given, discount: sums().discount / 100 });
    draw();
  };
  const sum = (label, amount, mark) => make("div", { class: mark }, make("dt", {}, label), make("dd", {}, amount));
  main.replaceChildren(
    make("h1", {}, "Your basket"),
    make("div", { class: "sides" },
      make("table", {}, make("tbody", {}, lines)),
      make("aside", {},
        make("dl", { class: "sums" }, sum("Goods", money(subtotal)), discount > 0 && sum(coupon(), `−${money(discount)}`), sum("Delivery", delivery ? money(delivery) : "free"), sum("Total", money(total), "total")),
        make("form", { class: "coupon", id: "coupon-form", onsubmit: apply }, code, make("button", {}, "Apply"), said),
        make("a", { class: "button dark", href: "checkout.html", id: "checkout" }, "To the checkout"),
      ),
    ),
  );
}

draw();
if (rows().length) {
  tell("cart", { cart_id: "basket", value: sums().total / 100, products: rows().map(({ product, quantity }) => described(product, { quantity })) });
}
