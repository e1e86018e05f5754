// After the order: thanks, and what Periplus was told of this visit.

import { URL_OF_PERIPLUS } from "./config.js";
import { make, money } from "./elements.js";
import { frame } from "./frame.js";
import { measured, tell, toldSoFar } from "./measure.js";

frame();
const main = document.querySelector("main");
const order = JSON.parse(sessionStorage.getItem("order") ?? "null");

if (order) {
  // Told once: to load this page again is no second order.
  if (!sessionStorage.getItem(order.order_id)) tell("order", order);
  sessionStorage.setItem(order.order_id, "told");
  main.append(
    make("h1", {}, "Thank you"),
    make("p", {}, "Order ", make("b", { id: "number" }, order.order_id), ` over ${money(Math.round(order.total * 100))} is with us. A parcel that does not exist will not reach you in three days.`),
    make("h2", {}, "What Periplus was told"),
    make("ol", { class: "told" }, toldSoFar().map(({ name, page }) => make("li", {}, make("code", {}, name), make("span", { class: "muted" }, page)))),
    measured ? make("p", {}, make("a", { href: `${URL_OF_PERIPLUS}/map/shop` }, "See it on the map")) : "",
  );
} else {
  main.append(make("h1", {}, "No order here"), make("p", {}, make("a", { href: "index.html" }, "Have a look around")));
}
