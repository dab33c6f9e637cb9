"""What is true about cases and what follows; pure: no Kafka, SQL or protobuf. Time and candidates come in as arguments."""
