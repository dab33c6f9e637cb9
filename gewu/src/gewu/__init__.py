"""Gewu (格务): what every service of a grid-managed city shares. Importing it does nothing."""

__version__ = "0.1.0"
