"""The Dockerfile of an image of ours: all are built alike."""

import json
from pathlib import PurePosixPath

from deploy.compose.images import PYTHON
from gewu.dev.components import Component, Kind

USER_ID = 10001
# Volumes that containers of ours write: an empty named volume takes the owner of the folder that it is mounted over.
FOLDERS = (
    "/vault", "/secrets", "/passwords/postgres", "/passwords/grafana", "/passwords/mqtt", "/passwords/canary",
    "/passwords/cameras", "/pictures",
)  # fmt: skip


def place(component: Component) -> PurePosixPath:
    """Where its Dockerfile stands: a service's with the service; of what is in the library alone, here."""
    return PurePosixPath("services" if component.kind is Kind.SERVICE else "deploy", component.name, "Dockerfile")


def text(component: Component) -> str:
    """The Dockerfile of this component; it is built from the repository's root."""
    name, file = component.name, place(component)
    is_service = component.kind is Kind.SERVICE
    sources = f"COPY gewu gewu\nCOPY {file.parent} {file.parent}" if is_service else "COPY gewu gewu"
    ours = f"./gewu ./{file.parent}" if is_service else "./gewu"
    folders = " \\\n    ".join((" ".join(FOLDERS[:4]), " ".join(FOLDERS[4:])))
    return f"""\
# Made by `make compose`; the template is deploy/compose/dockerfile.py. Build from the repository's root:
#   docker build -f {file} -t gewu-{name} .
# The base image is pinned by its tag; put its digest in where you build for others.
FROM {PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv /opt/gewu
COPY requirements/{name}.txt requirements/
RUN /opt/gewu/bin/pip install --quiet --require-hashes -r requirements/{name}.txt
{sources}
RUN /opt/gewu/bin/pip install --quiet --no-deps --no-build-isolation {ours}

FROM {PYTHON}
RUN useradd --uid {USER_ID} --no-create-home --shell /usr/sbin/nologin gewu \\
  && install -d -o gewu -g gewu {folders}
COPY --from=build /opt/gewu /opt/gewu
COPY deploy/ready.py /opt/gewu/ready.py
ENV PATH=/opt/gewu/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 GEWU_HTTP_PORT={component.port}
USER {USER_ID}
EXPOSE {component.port}
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=6 CMD ["python", "/opt/gewu/ready.py"]
CMD {json.dumps(list(component.command))}
"""
