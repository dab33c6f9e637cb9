"""Builders and verbs that the tests share."""
