"""Video: cameras become signals. No recordings, no tables, no persons."""
