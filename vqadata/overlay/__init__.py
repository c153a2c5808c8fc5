"""Marks that stand at one place in many pictures, found by their edges and without reading them."""
