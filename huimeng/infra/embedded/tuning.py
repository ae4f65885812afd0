"""The server's settings: safe writes always, memory fit for the machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

MEGABYTE = 1 << 20
SMALL_SHARED_MEMORY_MB = 256


def settings(socket_folder: Path) -> dict[str, str]:
    return {
        # One socket in a private folder: no port is opened on any network.
        "listen_addresses": "",
        "unix_socket_directories": str(socket_folder),
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        "max_connections": "200",
        # What was acknowledged survives a power cut.
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "wal_compression": "pglz",
        "max_wal_size": "2GB",
        "min_wal_size": "256MB",
        "checkpoint_timeout": "10min",
        "shared_buffers": f"{shared_buffers_mb(memory_bytes())}MB",
        "effective_cache_size": f"{max(256, memory_bytes() // MEGABYTE // 2)}MB",
        "work_mem": "16MB",
        "maintenance_work_mem": "128MB",
        "dynamic_shared_memory_type": _dynamic_shared_memory(),
        "random_page_cost": "1.1",
        "jit": "off",
        # Heads, accounts and lots are rewritten all day: short naps, small thresholds, no throttle.
        "autovacuum_naptime": "15s",
        "autovacuum_vacuum_scale_factor": "0.1",
        "autovacuum_analyze_scale_factor": "0.05",
        "autovacuum_vacuum_insert_scale_factor": "0.1",
        "autovacuum_vacuum_cost_delay": "0",
        "idle_in_transaction_session_timeout": "60s",
        "client_connection_check_interval": "10s",
        "log_min_duration_statement": "2s",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "log_startup_progress_interval": "2s",
        "log_line_prefix": "%m [%p] %u ",
        "log_checkpoints": "off",
        "lc_messages": "C",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }


def conf_text(socket_folder: Path, extra: Mapping[str, str]) -> str:
    """The text of huimeng.conf; `extra` wins."""
    lines = ["# Written by Huimeng at every start; put your own settings into postgresql.conf below the include."]
    for name, value in {**settings(socket_folder), **extra}.items():
        quoted = value.replace("\\", "\\\\").replace("'", "''")
        lines.append(f"{name} = '{quoted}'")
    return "\n".join(lines) + "\n"


def shared_buffers_mb(memory: int) -> int:
    """A quarter of memory, from 128 MB to 1 GB."""
    return min(1024, max(128, memory // MEGABYTE // 4))


def memory_bytes() -> int:
    """Of the machine, or of the container when that has less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            return min(total, int(Path(path).read_text()))
        except (OSError, ValueError):
            continue
    return total


def _dynamic_shared_memory() -> str:
    """Containers give /dev/shm 64 MB by default, too little for a parallel query."""
    try:
        found = os.statvfs("/dev/shm")
    except OSError:
        return "sysv"
    return "posix" if found.f_frsize * found.f_blocks // MEGABYTE >= SMALL_SHARED_MEMORY_MB else "sysv"
