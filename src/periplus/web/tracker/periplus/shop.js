// The names of Segment's e-commerce spec, by a short word each: periplus("add", {…}) is track("Product Added", {…}).

export const SHOP = {
  list: "Product List Viewed",
  search: "Products Searched",
  promotion: "Promotion Clicked",
  product: "Product Viewed",
  wish: "Product Added to Wishlist",
  add: "Product Added",
  remove: "Product Removed",
  cart: "Cart Viewed",
  coupon: "Coupon Applied",
  checkout: "Checkout Started",
  payment: "Payment Info Entered",
  order: "Order Completed",
  review: "Product Reviewed",
};
