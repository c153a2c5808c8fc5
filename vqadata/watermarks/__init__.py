"""Which of the text in a picture is a mark, and how a mark is taken away."""
