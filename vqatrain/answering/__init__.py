"""A model that answers about pictures."""
