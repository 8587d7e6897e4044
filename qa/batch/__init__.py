"""The day's batch: every recording of a folder scored exactly once, whatever happens on the way.

Workers turn recordings into stage results (:mod:`qa.batch.work`) and know no database; this process alone stores, judges and writes
(:mod:`qa.batch.run`).  What is in the store is never made again, so a batch that was stopped or killed goes on where it was.
"""
