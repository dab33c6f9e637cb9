"""Webhooks on their way out: claims, connections, signatures."""
