"""The bench: what Gewu costs, as ratios to what Kafka, PostgreSQL and plain ways of writing the same reach beside it."""
