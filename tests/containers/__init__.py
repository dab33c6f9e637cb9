"""What a machine without an engine can show of the containers: everything but that they were ever run."""
