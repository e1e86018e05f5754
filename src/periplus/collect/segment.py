from __future__ import annotations
def recipes(bench, paths, name):
    raise NotImplementedError
