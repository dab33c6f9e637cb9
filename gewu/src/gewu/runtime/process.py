"""A service as a process: arguments, settings, the loop, exit codes, and what it says of itself."""

import argparse
import gc
import os
import resource
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Gauge, disable_created_metrics

import gewu
from gewu.runtime import logs
from gewu.runtime.env import Env, SettingsFault
from gewu.runtime.health import Health
from gewu.runtime.instruments import Count, Tally
from gewu.runtime.service import STOP_S, Service

S = TypeVar("S", bound=Any)


def run(
    name: str, read: Callable[[Mapping[str, str]], S], define: Callable[[Env], S], build: Callable[[S], Service]
) -> int:
    """Read settings from the environment, build and serve; 0 after a clean stop, 1 not started, 2 wrong settings."""
    parser = argparse.ArgumentParser(
        prog=f"gewu-{name}", formatter_class=argparse.RawDescriptionHelpFormatter,
        description=f"Gewu's {name} service. Settings come from the environment:\n\n{_settings(define)}",
    )  # fmt: skip
    parser.parse_args()
    try:
        settings = read(os.environ)
    except SettingsFault as fault:
        print(f"gewu-{name}: wrong settings\n{fault}", file=sys.stderr)
        return 2
    logs.configure(name, settings.log_level)
    disable_created_metrics()  # a gauge beside each series, of no use to a reader here
    try:
        import uvloop

        from gewu.runtime import hangup

        hangup.install()
        service = build(settings)
        # What exists now, the city first of all, lives as long as the process: keep the collector from walking it.
        gc.collect()
        gc.freeze()
        # Waiting reports are some ten containers each: at the usual 700 a collection walks all that wait after every few
        # dozen reports, and took a quarter of intake's time under load. Cycles are rare here.
        gc.set_threshold(50_000, 20, 100)
        uvloop.run(service.run(end_in_time))
    except Exception as fault:
        if settings.log_level == "debug":
            raise
        print(f"gewu-{name}: not started: {fault}", file=sys.stderr)
        return 1
    return 0


def end_in_time() -> None:
    """The last resort against a part that does not let itself be stopped: what it holds, a kill would end too."""
    timer = threading.Timer(STOP_S, os._exit, (1,))
    timer.daemon = True
    timer.start()


def _settings(define: Callable[[Env], Any]) -> str:
    env = Env({})
    define(env)
    width = max(len(k.name) for k in env.known.values())
    return "\n".join(f"  {k.name:<{width}}  {k.meaning} [{k.default}]" for k in env.known.values())


_BUILD = "Always 1; the labels say what runs. Worry when replicas differ for longer than a deployment."
_READY = "1 as /readyz says 200. Worry at 0 for a minute: /readyz names what is red."
_CPU = "User and system time of this process. Worry near one second a second: one process has one core."
_TURNED_AWAY = (
    "Requests answered 503 at the limit of connections, before their key or their lane was known. Worry at each one: it "
    "may have been a report of p0."
)
_MEMORY = "Largest resident size so far. Worry when it grows from day to day under the same load."


def export(registry: CollectorRegistry, service: str, health: Health) -> Count:
    """Build information, readiness and what this process uses; they cost a scrape and nothing else.

    What it returns counts the requests that are turned away, for whoever serves HTTP."""
    Gauge("gewu_build_info", _BUILD, ["service", "version"], registry=registry).labels(service, gewu.__version__).set(1)
    Gauge("gewu_ready", _READY, registry=registry).set_function(lambda: not health.red())
    Tally("gewu_process_cpu_seconds", _CPU, [], registry).set_function(_cpu)
    Gauge("gewu_process_peak_memory_bytes", _MEMORY, registry=registry).set_function(
        lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    )
    return Tally("gewu_http_turned_away", _TURNED_AWAY, [], registry).labels()


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
