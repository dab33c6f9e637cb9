"""Logs as JSON, a line each, on stderr; what a line is about travels as fields, so that one id can be followed."""

import json
import logging
import sys
from datetime import UTC, datetime

_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Time, level, service, logger, function, message and every extra field."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "where": f"{record.name}:{record.funcName}",
            "say": record.getMessage(),
            **{k: v for k, v in record.__dict__.items() if k not in _STANDARD},
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(service: str, level: str) -> None:
    """Send this process's logs to stderr; libraries speak from warning upwards."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("gewu", f"gewu_{service}"):
        logging.getLogger(name).setLevel(level.upper())
    logging.getLogger("gewu.faststream").setLevel(logging.WARNING)
    # aiokafka repeats one broker's absence several times a second at this level; readiness says it once.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
