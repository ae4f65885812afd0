"""What the last `huimeng verify` of everything found, or of a part that was wrong, kept in the data folder."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from huimeng.infra.files import write_whole


class Verified(msgspec.Struct, frozen=True):
    """differences 0: everything added up."""

    at: datetime
    seconds: float
    merchants: int
    differences: int


def _file(data_dir: Path) -> Path:
    return data_dir / "verified.json"


def keep_verified(data_dir: Path, verified: Verified) -> None:
    write_whole(_file(data_dir), msgspec.json.encode(verified))


def last_verified(data_dir: Path) -> Verified | None:
    """None when there never was one, or its record can't be read."""
    try:
        return msgspec.json.decode(_file(data_dir).read_bytes(), type=Verified)
    except (OSError, msgspec.MsgspecError):
        return None
