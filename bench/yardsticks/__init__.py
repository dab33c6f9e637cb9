"""The same jobs as people would write them first: a web framework, a validating model, one message at a time."""
