"""What a run will cost, before it begins, and how it is launched."""
