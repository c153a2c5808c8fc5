"""Input in object stores: lists of what is there, pictures in streams, copies of record files."""
