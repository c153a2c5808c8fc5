"""The page of an evaluation: its template, its style and its program."""
