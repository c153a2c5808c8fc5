"""One model family a file; the folder is the list (see :mod:`vqadata.discover`)."""
