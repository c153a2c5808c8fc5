"""From shards to the formats of other tools."""
