"""Pairs for preference training from a model's own wrong answers."""
