// The basket, kept in this browser: {product id: quantity}, and a coupon.

import { COUPONS, FREE_FROM, SHIPPING, byId } from "./goods.js";

const read = () => JSON.parse(localStorage.getItem("basket") ?? "{}");
const keep = (basket) => localStorage.setItem("basket", JSON.stringify(basket));

export const rows = () =>
  Object.entries(read().items ?? {}).map(([id, quantity]) => ({ product: byId(id), quantity })).filter((row) => row.product);

export const count = () => rows().reduce((sum, row) => sum + row.quantity, 0);

export function change(id, by) {
  const basket = { items: {}, ...read() };
  const quantity = Math.min(20, (basket.items[id] ?? 0) + by);
  if (quantity > 0) basket.items[id] = quantity;
  else delete basket.items[id];
  keep(basket);
}

export const coupon = () => read().coupon;

/** Takes a coupon; false where there is no such one. */
export function redeem(code) {
  if (!Object.hasOwn(COUPONS, code)) return false;
  keep({ ...read(), coupon: code });
  return true;
}

export const empty = () => localStorage.removeItem("basket");

/** What it comes to, in cents. */
export function sums(shipping = "standard") {
  const subtotal = rows().reduce((sum, { product, quantity }) => sum + product.price * quantity, 0);
  const discount = coupon() ? Math.round(subtotal * COUPONS[coupon()]) : 0;
  const free = shipping === "standard" && subtotal - discount >= FREE_FROM;
  const delivery = subtotal === 0 || free ? 0 : SHIPPING[shipping];
  return { subtotal, discount, delivery, total: subtotal - discount + delivery };
}
