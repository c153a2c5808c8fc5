"""``python -m vqadata`` is the ``vqadata`` program."""

from vqadata.cli import main

main()
