"""What Kafka is told at its start: server.properties and the command line of its Java runtime."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from gewu.dev.ports import LOOPBACK

SLACK = 64 * 1024  # batch headers and record overhead: a message of the full size must still pass

# For KafkaServer(settings=…) in tests that kill the broker: the controller keeps a killed broker's place for this long, so it
# is back after 4 s and not 11. Not for load: a broker that is starved for as long loses its partitions meanwhile.
QUICK_RETURN = {"broker.session.timeout.ms": "2000", "broker.heartbeat.interval.ms": "500"}


def properties(
    data: Path, client_port: int, controller_port: int, max_message_bytes: int, further: Mapping[str, str]
) -> str:
    """server.properties of a single node that is broker and controller, listening on the loopback only."""
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "listeners": f"CLIENTS://{LOOPBACK}:{client_port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"CLIENTS://{LOOPBACK}:{client_port}",
        "listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "CLIENTS",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(data),
        # A misspelt topic must fail, not come into being with one partition.
        "auto.create.topics.enable": "false",
        "message.max.bytes": str(max_message_bytes + SLACK),
        "replica.fetch.max.bytes": str(max_message_bytes + SLACK),
        # There is one broker: with the defaults (3) Kafka's own topics would never come up.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "4",
        "group.initial.rebalance.delay.ms": "0",
        **further,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def java_command(
    java: Path, class_path: Sequence[Path], scratch: Path, flags: Sequence[str], main: Sequence[str]
) -> tuple[str, ...]:
    """java executed directly, all its scratch files below `scratch`: a killed Java leaves them behind."""
    return (
        str(java),
        *flags,
        "-XX:-UsePerfData",  # else /tmp/hsperfdata_USER
        f"-XX:ErrorFile={scratch}/java-error-%p.log",
        f"-Djava.io.tmpdir={scratch}",  # native compression libraries are unpacked there
        "-Djava.awt.headless=true",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
        "-cp",
        ":".join(str(path) for path in class_path),
        *main,
    )


def format_flags() -> tuple[str, ...]:
    """Java flags for the one second that formatting takes: start fast."""
    return ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


def broker_flags(heap: str) -> tuple[str, ...]:
    """Java flags of Kafka's own start script, with this heap ("512m")."""
    return (
        f"-Xms{heap}",
        f"-Xmx{heap}",
        "-XX:+UseG1GC",
        "-XX:MaxGCPauseMillis=20",
        "-XX:InitiatingHeapOccupancyPercent=35",
        "-XX:+ExplicitGCInvokesConcurrent",
        "-XX:+ExitOnOutOfMemoryError",  # a broker that limps on is harder to see than one that is gone
    )
