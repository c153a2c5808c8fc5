"""When two questions, or two answers, are the same text."""


def normalised(text: str) -> str:
    """A text without case, spacing and closing punctuation.

    >>> normalised("Is  this a Cat ?")
    'is this a cat'
    """
    return " ".join(text.casefold().split()).rstrip(" ?!.")
