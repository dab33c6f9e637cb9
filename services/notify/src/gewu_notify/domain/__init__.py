"""Who must hear what, and when; pure: no Kafka, SQL, protobuf or HTTP."""
