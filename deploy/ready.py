"""The images' health check: 0 where the service on GEWU_HTTP_PORT says that it is ready, else 1 and why.

Ready, not alive: Docker ends nobody for being unhealthy, and who waits for a service waits until it can be used.
"""

import http.client
import os
import ssl
import sys


def main() -> int:
    """The exit code."""
    port = int(os.environ["GEWU_HTTP_PORT"])
    if os.environ.get("GEWU_HTTP_CERT_FILE"):
        # Over its own loopback there is nobody to be taken in by, and the certificate names another host.
        context = ssl._create_unverified_context()
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=3, context=context
        )
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        print(answer.read().decode(errors="replace"))
    except (OSError, http.client.HTTPException) as fault:
        print(f"no answer on port {port}: {fault}", file=sys.stderr)
        return 1
    return 0 if answer.status == 200 else 1


if __name__ == "__main__":
    raise SystemExit(main())
