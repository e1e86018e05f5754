"""Explore: each kind of question as a sentence of controls, its answer as a picture, a table and people.

`controls` and `conditions` are what a sentence is made of, `form` puts them together; one file per kind says
its sentence, its controls, and how its answer is shown. `pages/explore.py` serves them all.
"""
