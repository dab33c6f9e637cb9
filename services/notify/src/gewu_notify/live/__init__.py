"""The live feed: every change of a case, as it is said, for those who may see it."""
