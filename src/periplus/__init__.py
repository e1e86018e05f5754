"""Periplus: the living, executable journey map of an online shop."""
