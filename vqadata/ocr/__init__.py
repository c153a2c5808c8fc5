"""One engine a file; the folder is the list (see :mod:`vqadata.discover`)."""
