"""From shards to cleaner shards: the pass over pictures, what it keeps, and who judges."""
