"""Two versions of a data set, held side by side: which rows changed, and which step says why."""
