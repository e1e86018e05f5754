"""The shop's catalogue: what it sells, for how much, and what is in stock; read from files of many sorts.

One file per kind; each registers itself in `kinds.KINDS`. `load` reads a file, `store/products.py` keeps
what it says, `join` puts names and prices where events name a product only by its id.
"""
