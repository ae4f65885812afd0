"""How far each merchant's log went, kept in the data folder: who has only the database can't take it back there."""

from __future__ import annotations

import asyncio
import hmac
from datetime import date
from pathlib import Path

import msgspec

from huimeng.infra.audit import reading
from huimeng.infra.audit.reading import DayRow
from huimeng.infra.audit.signing import begin_seal
from huimeng.infra.database import Connection, Database
from huimeng.infra.files import private_folder, write_whole
from huimeng.infra.heads import lock_head
from huimeng.kernel.ids import cell_of

_VERSION = 1


class Witness(msgspec.Struct, frozen=True):
    """digest stands for all the rest, and for the MACs of the entries between sealed_seq and seq.

    day: the newest that was sealed, seal its seal (hex), sealed_seq its last number; seq: the last number of all.
    It stays true while the log grows.
    """

    day: date | None
    seal: str
    sealed_seq: int
    seq: int
    digest: str

    def begin(self, cell_id: int) -> hmac.HMAC:
        """The digest under way, to be fed the MACs of its entries in their order."""
        told = ["witness", _VERSION, cell_id, self.day, self.seal, self.sealed_seq, self.seq]
        return begin_seal(msgspec.json.encode(told))

    def knows(self, row: DayRow | None) -> bool:
        """Whether this is the day that it saw as the newest; None: there is no such row."""
        if row is None or self.day is None:
            return row is None and self.day is None
        return (self.day, self.seal, self.sealed_seq) == (row.day, row.seal.hex(), row.last_seq)


# What can't be read as a witness agrees with nothing.
_UNREADABLE = Witness(None, "", 0, 0, "")


class Witnesses:
    """One file for each merchant."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "audit"

    def find(self, merchant_id: int) -> Witness | None:
        """None when there is none yet, or it was taken away."""
        try:
            return msgspec.json.decode(self._file(merchant_id).read_bytes(), type=Witness)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError:
            return _UNREADABLE

    def merchants(self) -> list[int]:
        """Those of whom there is one."""
        return sorted(int(file.stem) for file in self._folder.glob("*.json") if file.stem.isdigit())

    def keep(self, merchant_id: int, witness: Witness) -> None:
        """Whole or not at all, also when the machine stops meanwhile."""
        private_folder(self._folder)
        # The worker and a command may do so at once: what either says is true.
        write_whole(self._file(merchant_id), msgspec.json.encode(witness))

    def _file(self, merchant_id: int) -> Path:
        return self._folder / f"{merchant_id}.json"


async def bear_witness(db: Database, witnesses: Witnesses, merchant_id: int) -> bool:
    """Keeps how far the log is now. False: it doesn't agree with what was kept, which then stays."""
    cell_id = cell_of(merchant_id)
    old = witnesses.find(merchant_id)
    async with db.tenant(merchant_id) as conn:
        # In this order: a day that is sealed in between has no number that the head does not have.
        newest = next(iter(await reading.days(conn, cell_id, newest=True)), None)
        seq = await reading.last_number(conn, cell_id)
        if old is not None:
            if old.seq == seq and old.knows(newest):
                # Nothing was added. Whether all is still there is for verify to say.
                return True
            if not await _agrees(conn, cell_id, old):
                return False
        witness = Witness(None, "", 0, seq, "")
        if newest is not None:
            witness = Witness(newest.day, newest.seal.hex(), newest.last_seq, seq, "")
        witness = msgspec.structs.replace(witness, digest=await _digest(conn, cell_id, witness))
        # An import doesn't wait until its commits are on the disk; this one does, for all that was committed before.
        await lock_head(conn, cell_id)
    await asyncio.to_thread(witnesses.keep, merchant_id, witness)
    return True


async def agrees(db: Database, witnesses: Witnesses, merchant_id: int) -> bool:
    """Whether there is a witness and everything that it saw is there; of sealed days the newest one's seal."""
    witness = witnesses.find(merchant_id)
    if witness is None:
        return False
    async with db.reader(merchant_id) as conn:
        return await _agrees(conn, cell_of(merchant_id), witness)


async def _agrees(conn: Connection, cell_id: int, witness: Witness) -> bool:
    if witness.day is not None and not witness.knows(await reading.day_row(conn, cell_id, witness.day)):
        return False
    return await _digest(conn, cell_id, witness) == witness.digest


async def _digest(conn: Connection, cell_id: int, witness: Witness) -> str:
    digest = witness.begin(cell_id)
    async for mac in reading.macs(conn, cell_id, witness.sealed_seq + 1, witness.seq):
        digest.update(mac)
    return digest.hexdigest()
