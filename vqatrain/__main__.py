"""``python -m vqatrain`` is the ``vqatrain`` program."""

from vqatrain.cli import main

main()
