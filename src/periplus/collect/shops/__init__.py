"""What shop systems say of orders, carts and customers, as messages in the house vocabulary.

One file per system. A body is read as a statement of facts: an order's body says that it was placed and,
where it says so, that it was cancelled, refunded, shipped. Each fact has a message id of its own, so that
deliveries may come late, twice and in any order: what is known already is a duplicate. The message id of
`Order Completed` is the order's id itself, as it stands in the shop's export files too.
"""
