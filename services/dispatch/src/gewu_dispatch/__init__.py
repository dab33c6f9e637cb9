"""Dispatch: cases. Signals in; cases joined or opened, routed and timed; events out through the outbox."""
