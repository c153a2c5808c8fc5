"""How a model comes and goes: download, merge, export."""
