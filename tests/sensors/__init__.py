"""Sensors from their broker to a department's topic."""
