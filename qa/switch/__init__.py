"""Call records and registers of a house: read from what its switch and its offices export, kept as rows, put together to calls.

A reader (``asterisk``, ``queue_log``, ``freeswitch``, ``yeastar``, ``mapped``, ``registers``) turns a file into rows, one after the
other, and lists what it could not read.  ``importing`` keeps the rows; ``log`` and ``joins`` make calls of them and find the call of a
recording.
"""
