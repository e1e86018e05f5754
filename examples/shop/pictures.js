// The pictures of the goods: a few shapes in a few colours, drawn here so that the shop needs no image files.

import { drawn } from "./elements.js";

const SHAPES = {
  mug: [
    ["path", { d: "M128 74 h16 a22 22 0 0 1 0 52 h-18", class: "line" }],
    ["path", { d: "M56 58 h76 v70 a20 20 0 0 1 -20 20 h-36 a20 20 0 0 1 -20 -20 z", class: "body" }],
    ["path", { d: "M56 58 h76 v30 q-20 14 -38 2 t-38 4 z", class: "glaze" }],
  ],
  bowl: [
    ["path", { d: "M36 84 h128 a64 62 0 0 1 -128 0 z", class: "body" }],
    ["path", { d: "M76 140 h48 l4 10 h-56 z", class: "dark" }],
    ["path", { d: "M36 84 h128 q-4 18 -10 26 q-54 14 -108 0 q-8 -12 -10 -26 z", class: "glaze" }],
  ],
  jug: [
    ["path", { d: "M126 78 q34 -4 30 30 q-4 28 -34 26", class: "line" }],
    ["path", { d: "M74 46 h44 l14 -8 -6 30 q16 26 14 56 q-2 28 -24 28 h-36 q-22 0 -24 -28 q-2 -34 18 -58 z", class: "body" }],
    ["path", { d: "M58 96 q42 14 83 0 q1.500 12 .8 26 q-42 14 -85.600 0 q-.2 -14 1.800 -26 z", class: "glaze" }],
  ],
  vase: [
    ["path", { d: "M100 44 V12 M100 30 q-14 -4 -18 -16 M102 24 q12 -2 16 -14", class: "stem" }],
    ["path", { d: "M88 42 h24 v28 q36 16 34 50 q-2 30 -28 34 h-36 q-26 -4 -28 -34 q-2 -34 34 -50 z", class: "body" }],
    ["path", { d: "M54 116 q46 18 92 0 q0 14 -6 22 q-40 14 -80 0 q-6 -10 -6 -22 z", class: "glaze" }],
  ],
  candle: [
    ["path", { d: "M100 34 q14 16 0 28 q-14 -12 0 -28 z", class: "flame" }],
    ["path", { d: "M100 60 v16", class: "stem" }],
    ["rect", { x: 62, y: 76, width: 76, height: 76, rx: 8, class: "body" }],
    ["rect", { x: 74, y: 100, width: 52, height: 32, rx: 3, class: "paper" }],
  ],
  throw: [
    ["path", { d: "M40 60 q60 -22 120 0 v68 q-60 22 -120 0 z", class: "body" }],
    ["path", { d: "M40 84 q60 -22 120 0 v14 q-60 -22 -120 0 z M40 112 q60 -22 120 0 v8 q-60 -22 -120 0 z", class: "glaze" }],
    ["path", { d: "M46 132 v16 M62 136 v16 M80 139 v16 M100 140 v16 M120 139 v16 M138 136 v16 M154 132 v16", class: "stem" }],
  ],
  soap: [
    ["rect", { x: 46, y: 76, width: 108, height: 60, rx: 22, class: "body" }],
    ["rect", { x: 62, y: 90, width: 76, height: 32, rx: 14, class: "glaze" }],
    ["path", { d: "M150 58 a8 8 0 1 0 .1 0 M132 46 a5 5 0 1 0 .1 0 M166 40 a6 6 0 1 0 .1 0", class: "bubble" }],
  ],
  apron: [
    ["path", { d: "M78 52 q22 -38 44 0", class: "line thin" }],
    ["path", { d: "M76 52 h48 q2 26 26 34 v66 h-100 v-66 q24 -8 26 -34 z", class: "body" }],
    ["path", { d: "M72 106 h56 v28 a6 6 0 0 1 -6 6 h-44 a6 6 0 0 1 -6 -6 z", class: "glaze" }],
  ],
  plate: [
    ["ellipse", { cx: 100, cy: 104, rx: 70, ry: 44, class: "body" }],
    ["ellipse", { cx: 100, cy: 100, rx: 48, ry: 27, class: "glaze" }],
    ["path", { d: "M62 96 q20 10 34 -4 t40 -2 M74 112 q18 -8 30 2 t30 -4", class: "vein" }],
  ],
};

/** The picture of a product. */
export function picture(product) {
  const parts = SHAPES[product.shape].map(([tag, attributes]) => drawn(tag, attributes));
  return drawn("svg", { viewBox: "0 0 200 180", class: `picture ${product.colour}`, role: "img", "aria-label": product.name }, parts);
}
