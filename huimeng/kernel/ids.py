"""Ids that carry their cell: an entity's id is its number within the cell times 1024 plus the cell's bucket."""

from __future__ import annotations

import os
import time
import uuid

BUCKETS = 1024


def cell_of(merchant_id: int, bucket: int = 0) -> int:
    return merchant_id * BUCKETS + bucket


def merchant_of(cell_id: int) -> int:
    return cell_id // BUCKETS


def entity_id(seq: int, cell_id: int) -> int:
    return seq * BUCKETS + cell_id % BUCKETS


def cell_of_entity(merchant_id: int, entity: int) -> int:
    return merchant_id * BUCKETS + entity % BUCKETS


def uuid7() -> uuid.UUID:
    """RFC 9562 version 7; Python's own arrives with 3.14."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)
