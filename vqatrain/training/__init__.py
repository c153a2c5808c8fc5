"""The run: supervised and preference training, its folder, its trace, its card and its proofs."""
