// The catalogue: everything, a category, or what was searched for.

import { make, money } from "./elements.js";
import { frame } from "./frame.js";
import { CATEGORIES, GOODS, described } from "./goods.js";
import { tell } from "./measure.js";
import { picture } from "./pictures.js";

frame();
const asked = new URLSearchParams(location.search);
const query = (asked.get("q") ?? "").trim();
const category = CATEGORIES.find((name) => name === asked.get("c"));
const found = GOODS.filter(
  (product) =>
    (!category || product.category === category) &&
    (!query || `${product.name} ${product.category} ${product.text}`.toLowerCase().includes(query.toLowerCase())),
);

document.querySelector("h1").textContent = query ? `${found.length} for “${query}”` : category ? `For the ${category}` : "Things for the table, and around it";
document.querySelector("nav").append(
  make("a", { href: "index.html", "aria-current": !category && !query && "page" }, "Everything"),
  ...CATEGORIES.map((name) => make("a", { href: `index.html?c=${name}`, "aria-current": name === category && "page" }, name)),
);
document.querySelector("#goods").append(
  ...found.map((product) =>
    make(
      "li",
      {},
      make("a", { class: "card", href: `product.html?id=${product.id}`, id: product.id }, picture(product), make("span", { class: "name" }, product.name), make("span", { class: "price" }, money(product.price))),
    ),
  ),
);
if (!found.length) document.querySelector("#none").hidden = false;

const promotion = document.querySelector("#promotion");
promotion.hidden = Boolean(query || category);
promotion.addEventListener("click", () => tell("promotion", { promotion_id: "welcome", name: "10 % off the first order", position: "home" }));

const products = found.map((product, place) => described(product, { position: place + 1 }));
if (query) tell("search", { query, results: found.length });
else tell("list", { list_id: category ?? "all", category, products });
