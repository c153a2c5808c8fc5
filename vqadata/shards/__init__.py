"""The finished folder: Arrow shards, the ledger, and the manifest that is written last."""
