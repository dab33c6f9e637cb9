"""The families of trouble by name, in the order in which one world meets them."""

from tests.trouble.families import (
    bad_input,
    broker,
    cameras,
    clients,
    disks,
    flooded,
    hanging,
    kills,
    manholes,
    notices,
    ownership,
    positions,
    restored,
    sensors,
    servers,
    versions,
)
from tests.trouble.play import Family

FAMILIES: dict[str, Family] = {
    "intake killed": kills.intake_killed,
    "bridge killed": sensors.bridge_killed,
    "dispatch killed before the commit": kills.dispatch_killed("delivery.before_commit"),
    "dispatch killed after the commit": kills.dispatch_killed("delivery.after_commit"),
    "relay killed before the delete": kills.relay_killed,
    "kafka stopped": servers.kafka_away("stop"),
    "kafka killed": servers.kafka_away("kill"),
    "postgres stopped": servers.postgres_away("stop"),
    "postgres killed": servers.postgres_away("kill"),
    "postgres frozen": servers.postgres_frozen,
    "broker stopped": broker.broker_stopped,
    "broker frozen": broker.broker_frozen,
    "broker refuses": broker.broker_refuses,
    "owner frozen": ownership.owner_frozen,
    "owners come and go": ownership.owners_come_and_go,
    "one manhole seen twice": manholes.one_manhole_seen_twice,
    "group offsets deleted": positions.group_offsets_deleted,
    "disk full under kafka": disks.kafka_disk_full,
    "disk full under postgres": disks.postgres_disk_full,
    "two releases side by side": versions.two_releases,
    "log cut above a position": positions.log_cut,
    "dump restored": restored.dump_restored,
    "notify killed before the sending": notices.notify_killed("sender.after_claim"),
    "notify killed before the mark": notices.notify_killed("sender.before_mark"),
    "a thousand receivers hang": notices.thousand_hang,
    "one source floods": flooded.source_floods,
    "video killed": cameras.video_killed,
    "clients repeat": clients.clients_repeat,
    "bad input": bad_input.bad_input,
}
# What `make trouble` does otherwise, or in addition. `make test` has the rest elsewhere and once: every kind at its places is
# tests/*/test_every_place.py, and ten cameras' hangs, which need nothing of this world, are tests/video/test_hangs.py.
IN_ROUNDS: dict[str, Family] = {
    "bad input": bad_input.bad_input_at_each_place,
    "cameras hang": hanging.cameras_hang,
}
