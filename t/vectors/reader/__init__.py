"""A slow, strict reader: it holds the vectors against the contract."""
