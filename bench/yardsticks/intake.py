"""Intake as most people would write it first: FastAPI, pydantic, and FastStream's publish for each report.

It validates, asks for a key and answers after the broker's ack. It knows no grids, derives no ids, keeps no lanes,
seals nothing and takes no batches.
"""

from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Header, HTTPException
from faststream.kafka import KafkaBroker
from pydantic import BaseModel, ConfigDict, Field

from bench.processes.words import words


class Place(BaseModel):
    """Where."""

    model_config = ConfigDict(extra="forbid")
    lon: Annotated[float, Field(ge=-180, le=180)]
    lat: Annotated[float, Field(ge=-90, le=90)]
    accuracy_m: Annotated[float, Field(ge=0, le=100_000)] | None = None
    address: Annotated[str, Field(max_length=200)] = ""


class Report(BaseModel):
    """The same fields under the same bounds as the real one's."""

    model_config = ConfigDict(extra="forbid")
    category: Annotated[str, Field(min_length=1, max_length=100)]
    place: Place | None = None
    text: Annotated[str, Field(max_length=2000)] = ""
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")] | None = None
    object_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,40}$")] | None = None
    observed_at: datetime | None = None
    exercise: bool = False


def build(said: dict[str, Any]) -> FastAPI:
    """The application."""
    broker = KafkaBroker(said["kafka"], acks="all", enable_idempotence=True, logger=None)
    known = {f"Bearer {said['key']}"}

    @asynccontextmanager
    async def life(_: FastAPI) -> Any:
        await broker.start()
        yield
        await broker.stop()

    app = FastAPI(lifespan=life)

    @app.get("/readyz")
    async def ready() -> dict[str, bool]:
        return {"ready": True}

    @app.post("/v1/reports", status_code=202)
    async def report(report: Report, authorization: Annotated[str, Header()]) -> dict[str, str | None]:
        if authorization not in known:
            raise HTTPException(401)
        await broker.publish(report, said["topic"])
        return {"id": report.id}

    return app


def main() -> None:
    """Serve on loopback with the same server and loop as the services."""
    said = words()
    uvicorn.run(
        build(said),
        host="127.0.0.1",
        port=said["port"],
        loop="uvloop",
        http="httptools",
        log_level="error",
        access_log=False,
    )


if __name__ == "__main__":
    main()
