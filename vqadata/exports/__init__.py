"""Exports: one format a file, found by :mod:`vqadata.discover`."""
