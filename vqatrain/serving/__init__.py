"""An OpenAI-compatible server: a request is checked, queued, answered in a batch, and counted."""
