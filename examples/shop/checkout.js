// The checkout: one form, no account.

import { coupon, empty, rows, sums } from "./basket.js";
import { make, money } from "./elements.js";
import { frame } from "./frame.js";
import { CURRENCY, described } from "./goods.js";
import { tell } from "./measure.js";

frame();
const form = document.querySelector("form#order");
const list = document.querySelector("#summary");
const products = () => rows().map(({ product, quantity }) => described(product, { quantity }));
const chosen = (name) => new FormData(form).get(name);

function summarise() {
  const { delivery, total } = sums(chosen("shipping"));
  const line = (label, amount, mark) => make("div", { class: mark }, make("dt", {}, label), make("dd", {}, amount));
  list.replaceChildren(
    ...rows().map(({ product, quantity }) => line(`${quantity} × ${product.name}`, money(product.price * quantity))),
    ...(coupon() ? [line(coupon(), `−${money(sums().discount)}`)] : []),
    line("Delivery", delivery ? money(delivery) : "free"),
    line("Total", money(total), "total"),
  );
}

function buy(event) {
  event.preventDefault();
  const { subtotal, discount, delivery, total } = sums(chosen("shipping"));
  const order = {
    order_id: `K-${Date.now().toString(36).toUpperCase()}`,
    total: total / 100,
    subtotal: subtotal / 100,
    shipping: delivery / 100,
    discount: discount / 100,
    coupon: coupon(),
    currency: CURRENCY,
    products: products(),
  };
  window.periplus("identify", { email: chosen("email"), name: chosen("name") });
  tell("payment", { payment_method: chosen("payment"), shipping_method: chosen("shipping"), order_id: order.order_id });
  sessionStorage.setItem("order", JSON.stringify(order));
  empty();
  location.href = "thanks.html";
}

if (rows().length) {
  summarise();
  form.addEventListener("change", summarise);
  form.addEventListener("submit", buy);
  tell("checkout", { value: sums().total / 100, currency: CURRENCY, coupon: coupon(), products: products() });
} else {
  document.querySelector("main").replaceChildren(make("h1", {}, "Nothing to pay for"), make("p", {}, make("a", { href: "index.html" }, "Have a look around")));
}
