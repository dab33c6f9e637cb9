"""How a command ends: its exit codes, and a fault of the world put into words that say what to do."""

FINE, WRONG, USAGE, INTERRUPTED = 0, 1, 2, 130

CODES = "exit codes: 0 fine, 1 {wrong},\n2 the command or a setting was wrong, or a server is away"


class Refusal(Exception):
    """The command cannot go on; the text says what to do."""

    def __init__(self, text: str, code: int = USAGE) -> None:
        super().__init__(text)
        self.code = code


def refusal_of(fault: Exception) -> Refusal | None:
    """What to tell a person about this fault, or None when it is a bug of ours."""
    if isinstance(fault, Refusal):
        return fault
    return _of_settings(fault) or _of_secrets(fault) or _of_kafka(fault) or _of_postgres(fault) or _of_system(fault)


def _of_settings(fault: Exception) -> Refusal | None:
    from gewu.runtime.env import SettingsFault

    if isinstance(fault, SettingsFault):
        return Refusal(
            f"{fault}\nset it in the environment, or name a file with --env-file (`gewu dev` writes .gewu/run/env)"
        )
    return None


def _of_secrets(fault: Exception) -> Refusal | None:
    from gewu.runtime.secrets_folder import SecretsFault

    return Refusal(str(fault), WRONG) if isinstance(fault, SecretsFault) else None


def _of_kafka(fault: Exception) -> Refusal | None:
    try:
        from aiokafka import errors
    except ImportError:
        return None
    if isinstance(fault, errors.KafkaConnectionError):
        return Refusal(
            f"Kafka does not answer: {fault}\n"
            "is it running, and is GEWU_KAFKA_BOOTSTRAP right? `gewu dev` starts one here"
        )
    if isinstance(fault, errors.UnknownTopicOrPartitionError):
        return Refusal(f"a topic is missing: {fault}\nrun `gewu topics apply`")
    if isinstance(fault, errors.KafkaError):
        return Refusal(f"Kafka refused: {fault!r}", WRONG)
    return None


def _of_postgres(fault: Exception) -> Refusal | None:
    try:
        import asyncpg
    except ImportError:
        return None
    if isinstance(fault, asyncpg.UndefinedTableError | asyncpg.UndefinedColumnError | asyncpg.InvalidSchemaNameError):
        return Refusal(f"PostgreSQL: {fault}\nthe schema is not this program's: run `gewu migrate`")
    if isinstance(fault, asyncpg.InvalidAuthorizationSpecificationError | asyncpg.InvalidCatalogNameError):
        return Refusal(f"PostgreSQL: {fault}\ncheck GEWU_POSTGRES_DSN and GEWU_POSTGRES_PASSWORD_FILE")
    if isinstance(fault, asyncpg.InsufficientPrivilegeError):
        return Refusal(f"PostgreSQL: {fault}\nGEWU_POSTGRES_DSN must name the owner of the database here")
    if isinstance(fault, asyncpg.PostgresError | asyncpg.InterfaceError):
        return Refusal(f"PostgreSQL refused: {fault}", WRONG)
    return None


def _of_system(fault: Exception) -> Refusal | None:
    if isinstance(fault, TimeoutError):
        return Refusal(
            "a server did not answer in time: is it running, and are GEWU_KAFKA_BOOTSTRAP and GEWU_POSTGRES_DSN right?"
        )
    if isinstance(fault, ConnectionError):
        return Refusal(
            f"PostgreSQL does not answer: {fault}\n"
            "is it running, and is GEWU_POSTGRES_DSN right? `gewu dev` starts one here"
        )
    if isinstance(fault, OSError):
        return Refusal(str(fault))
    if isinstance(fault, ModuleNotFoundError) and not (fault.name or "gewu").startswith("gewu"):
        return Refusal(f"{fault}: install what this command needs, for example pip install 'gewu[city,runtime,dev]'")
    return None
