"""The door for sensors: readings over MQTT, acknowledged once Kafka has them."""
