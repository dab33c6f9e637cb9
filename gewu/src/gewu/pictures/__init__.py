"""Masked pictures: where their bytes lie, and the reference by which a report may name one."""
