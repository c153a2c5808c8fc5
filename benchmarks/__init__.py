"""Benchmarks: each module reprints its table with one command."""
