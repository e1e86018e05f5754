"""Watched folders and addresses: files that come in by themselves, each once.

document.py   what is watched, how often, and by which mapping
due.py        whose turn it is (pure)
folder.py     the files of a folder, and which of them may be taken (pure, but for the listing)
fetch.py      an address, fetched within limits and only where it is allowed
runner.py     one round: every due watch, every new file, imported and noted
scheduler.py  rounds in a thread of the server
"""
