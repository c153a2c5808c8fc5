"""Pictures: found under their roots, measured from the header, decoded by one policy."""
