"""The door for sensors: readings over MQTT, acknowledged to their broker once Kafka has them.

A sensor's own PUBACK is that broker's word, and came before.
"""
