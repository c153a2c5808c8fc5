"""What a mark that goes together with the answer does to a model, and what cleaning does about it.

``make story`` runs this. docs/story.md tells what came of it.
"""
