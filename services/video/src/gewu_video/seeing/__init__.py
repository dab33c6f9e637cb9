"""Inside a child: from a stream to what is worth saying. Nothing here is loaded by the service itself."""
