"""A service's Dockerfile: all services are built alike."""

import json

from deploy.compose.images import PYTHON
from gewu.dev.components import Component

USER_ID = 10001
# Volumes that containers of ours write: an empty named volume takes the owner of the folder that it is mounted over.
FOLDERS = ("/vault", "/secrets", "/passwords/postgres", "/passwords/grafana", "/passwords/mqtt", "/pictures")


def text(service: Component) -> str:
    """The Dockerfile of this service; it is built from the repository's root."""
    name = service.name
    return f"""\
# Made by `make compose`; the template is deploy/compose/dockerfile.py. Build from the repository's root:
#   docker build -f services/{name}/Dockerfile -t gewu-{name} .
# The base image is pinned by its tag; put its digest in where you build for others.
FROM {PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv /opt/gewu
COPY requirements/{name}.txt requirements/
RUN /opt/gewu/bin/pip install --quiet --require-hashes -r requirements/{name}.txt
COPY gewu gewu
COPY services/{name} services/{name}
RUN /opt/gewu/bin/pip install --quiet --no-deps --no-build-isolation ./gewu ./services/{name}

FROM {PYTHON}
RUN useradd --uid {USER_ID} --no-create-home --shell /usr/sbin/nologin gewu \\
  && install -d -o gewu -g gewu {" ".join(FOLDERS)}
COPY --from=build /opt/gewu /opt/gewu
COPY deploy/ready.py /opt/gewu/ready.py
ENV PATH=/opt/gewu/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 GEWU_HTTP_PORT={service.port}
USER {USER_ID}
EXPOSE {service.port}
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=6 CMD ["python", "/opt/gewu/ready.py"]
CMD {json.dumps(list(service.command))}
"""
