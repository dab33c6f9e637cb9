"""Overload on the running system: what is bounded keeps its bound, and what saves lives goes first."""
