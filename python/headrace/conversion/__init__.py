"""`convert` and `cache`: from inputs to shards, in steps that can be killed and gone on with.

inputs -> plan (groups, a commit each) -> run (here or in an executor) -> build (steps of rows ->
shards) -> commits, with a ledger of what is committed. The formats are what inputs can be without
a function that reads them.
"""
