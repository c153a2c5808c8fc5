"""From shards to shards of other order: split, regroup, merge, pair, repair."""
