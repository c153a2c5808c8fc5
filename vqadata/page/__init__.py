"""Pages that stand alone: one HTML file with its style, its program and its data inside."""
