"""Notify: tells those who must know of a case, and writes down what came of it."""
