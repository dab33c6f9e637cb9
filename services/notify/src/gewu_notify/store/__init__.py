"""The only place of notify's SQL."""
