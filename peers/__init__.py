"""Exports read and trained on by the tools that they are for; ``make peers`` runs all of it."""
