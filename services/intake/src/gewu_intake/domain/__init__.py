"""What a report is and when it is taken; pure: no Kafka, SQL or protobuf."""
