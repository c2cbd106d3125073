"""`from_shards`: datasets whose shards a function of the user's loads, kept in a cache.

sids -> names and ids (`shard_names`) -> what is known of them (`catalogue`) -> the place that
another process can open, too (`place`) -> calls of the function in fetch threads (`loads`) or in
one that makes all of them (`one_thread`), whose results the core writes as shards. The core's part
is that of a store's shards, but that sizes and hashes are not known beforehand.
"""
