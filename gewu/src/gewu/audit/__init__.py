"""The judge: reads what clients were told, the departments' logs and the database, and says whether they agree.

An independent reader: it knows the contracts (messages, type and topic names, the city package) and never the code that
it judges, so that a fault in that code cannot hide in here as well.
"""
