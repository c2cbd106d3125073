"""Object stores: where datasets lie that no disk holds.

`open_store` gives an `ObjectStore` for a URL: obstore's for S3, GCS, Azure, HTTP, files and memory,
fsspec's for reading every other scheme. Their errors are headrace's, and say no secret.
"""

from headrace.stores.object_store import ObjectInfo, ObjectStore
from headrace.stores.opening import open_store

__all__ = ["ObjectInfo", "ObjectStore", "open_store"]
