"""A model and its processor: the family it is of, how it is loaded, what of it is trained."""
