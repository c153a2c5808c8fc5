"""Stores of objects: addresses, lists of what is there, pictures in streams, copies of files."""
