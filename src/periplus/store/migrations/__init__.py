"""Numbered steps that bring the operational state from one form to the next."""
