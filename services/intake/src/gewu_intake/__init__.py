"""Intake: the doors. HTTP reports in, signals on the lanes out; the log is its only memory."""
