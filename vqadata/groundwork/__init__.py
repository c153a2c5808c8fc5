"""What knows nothing of data: digests, files that stand for memory, folders, progress, options."""
