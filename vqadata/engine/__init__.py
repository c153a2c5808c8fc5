"""Engines: who works specs off. They move specs and receipts, never the bytes of pictures."""
