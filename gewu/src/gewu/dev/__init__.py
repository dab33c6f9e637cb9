"""Real Apache Kafka and PostgreSQL as child processes, for development, tests and load; never for production."""
