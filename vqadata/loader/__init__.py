"""The loader: finished shards as a stream of rows, in an order that is a pure function."""
