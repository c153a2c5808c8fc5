"""What a validation set flatters a model by if it shows pictures of the training set once more.

``make story`` runs this. docs/story.md tells what came of it.
"""
