"""The canary on a running system."""
