// What the shop sells. Prices in cents.

export const CURRENCY = "EUR";
export const SHIPPING = { standard: 390, express: 890 };
export const FREE_FROM = 6000;
export const COUPONS = { WELCOME10: 0.1 };

export const CATEGORIES = ["table", "kitchen", "living", "bath"];

export const GOODS = [
  { id: "p-101", name: "Harbour mug", category: "table", price: 1800, shape: "mug", colour: "sea", text: "Stoneware with a reactive glaze; no two are the same blue. Holds 350 ml, and a morning." },
  { id: "p-102", name: "Dune bowl", category: "table", price: 2400, shape: "bowl", colour: "sand", text: "A wide bowl for pasta, salad, or keys. Thrown by hand, speckled by the clay itself." },
  { id: "p-103", name: "Olive jug", category: "kitchen", price: 3900, shape: "jug", colour: "olive", text: "Pours without a drip. One litre, and it looks good with nothing in it." },
  { id: "p-104", name: "Saffron vase", category: "living", price: 4600, shape: "vase", colour: "saffron", text: "A narrow neck, so that three stems are enough. 28 cm high." },
  { id: "p-105", name: "Fennel candle", category: "living", price: 2900, shape: "candle", colour: "fennel", text: "Rapeseed wax, wild fennel and a little smoke. Burns for forty hours." },
  { id: "p-106", name: "Salt throw", category: "living", price: 8900, shape: "throw", colour: "rose", text: "Washed linen and merino, woven in a mill with seven looms. 130 × 180 cm." },
  { id: "p-107", name: "Thyme soap", category: "bath", price: 900, shape: "soap", colour: "fennel", text: "Olive oil, thyme honey, nothing else worth mentioning. 120 g." },
  { id: "p-108", name: "Café apron", category: "kitchen", price: 4200, shape: "apron", colour: "sea", text: "Heavy cotton, deep pockets, a strap that does not pull at the neck." },
  { id: "p-109", name: "Marble plate", category: "table", price: 3200, shape: "plate", colour: "rose", text: "Turned from offcuts of a quarry. For cheese, or for candles after the cheese." },
];

export const byId = (id) => GOODS.find((product) => product.id === id);

/** A product as the Segment e-commerce spec has it; amounts in euros. */
export const described = (product, more = {}) => ({
  product_id: product.id,
  name: product.name,
  category: product.category,
  price: product.price / 100,
  currency: CURRENCY,
  url: new URL(`product.html?id=${product.id}`, location.href).href,
  ...more,
});
