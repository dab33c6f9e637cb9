"""What a scene means by the rules of a city; pure: no Kafka, protobuf, pixels or models."""
