"""Load on intake as an open model: reports go out at their times whatever became of earlier ones, and a ledger is kept.

A client that waits for an answer before it sends again slows down with its server and never sees how long others would
have waited. Here every latency counts from the moment at which a request was due.
"""
