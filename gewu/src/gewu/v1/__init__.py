"""Generated from proto/gewu/v1 by `make proto`; never edited by hand."""
