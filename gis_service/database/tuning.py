"""PostgreSQL's settings for the machine it is on. It shares the machine with the service, so they are modest."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

_MB = 2**20
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True)
class Machine:
    """What a server may count on: bytes of memory, cores, bytes of free disk."""

    memory: int
    cores: int
    disk: int

    @classmethod
    def here(cls, folder: Path) -> Machine:
        """Measure this machine, within a container's limit, and the disk that holds a folder."""
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        limit = _CGROUP_LIMIT.read_text().strip() if _CGROUP_LIMIT.is_file() else ""
        if limit.isdecimal():
            memory = min(memory, int(limit))
        affinity = getattr(os, "sched_getaffinity", None)  # macOS has none
        cores = len(affinity(0)) if affinity else os.cpu_count() or 1
        return cls(memory, cores, shutil.disk_usage(folder).free)


def tuned(machine: Machine, *, durable: bool = True, lz4: bool = False) -> dict[str, str]:
    """Return settings for postgresql.conf; `lz4` where the server was built with it.

    The shares follow the PostgreSQL documentation's advice (chapters 20.4, 20.5, 20.7), halved, since the service and
    its GeoPandas work need memory beside the server.
    """
    settings = {
        "shared_buffers": _within(machine.memory / 8, 64, 2048),
        "effective_cache_size": _within(machine.memory / 2, 128, 2**20),
        "work_mem": _within(machine.memory / 512, 4, 64),
        "maintenance_work_mem": _within(machine.memory / 32, 64, 1024),
        "max_wal_size": _within(machine.disk / 20, 128, 4096),
        "wal_compression": "lz4" if lz4 else "on",  # half of the time of building an index went into PGLZ
        "random_page_cost": "1.1",  # solid-state disks; spatial indexes are read at random
        "effective_io_concurrency": "200" if sys.platform == "linux" else "0",  # others lack posix_fadvise
        "jit": "off",  # compiling costs more than these queries
        "max_connections": "100",
        "max_worker_processes": str(max(8, machine.cores)),
        "max_parallel_workers": str(machine.cores),
        "max_parallel_workers_per_gather": str(min(4, machine.cores // 2)),
        "max_parallel_maintenance_workers": str(min(4, machine.cores // 2)),
    }
    if not durable:
        settings |= {
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "wal_level": "minimal",
            "max_wal_senders": "0",
        }
    return settings


def _within(size: float, low: int, high: int) -> str:
    """Return a size of bytes, kept between two numbers of megabytes, as PostgreSQL writes it."""
    return f"{int(min(max(size / _MB, low), high))}MB"
