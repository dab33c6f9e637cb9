"""What runs a service: settings, Kafka, PostgreSQL, delivery, outbox, HTTP, logs and metrics. No domain rule lives here."""
