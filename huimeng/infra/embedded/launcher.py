"""Run as a plain script: drop root, keep at most one capability, then become the given program.

usage: launcher.py [--detach] [--user UID GID] [--keep CAPABILITY] -- PROGRAM [ARGUMENT ...]
Stands alone (standard library, no package imports) because it runs with `python -I -S`.
"""

from __future__ import annotations

import os
import struct
import sys

PR_SET_KEEPCAPS = 8
PR_GET_SECUREBITS = 27
PR_SET_SECUREBITS = 28
NO_SETUID_FIXUP = 4
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAPABILITY_VERSION_3 = 0x20080522


def drop_to(uid: int, gid: int, keep: int | None) -> None:
    """Become uid:gid for good; OSError when the system refuses."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    if keep is None:
        os.setresuid(uid, uid, uid)
        return
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)

    def check(result: int, what: str) -> None:
        if result != 0:
            raise OSError(ctypes.get_errno(), what)

    # access(2), with which PostgreSQL looks for its programs, ignores a user's capabilities without this.
    # It needs CAP_SETPCAP; whoever tries whether the reach suffices finds out if that was missing.
    libc.prctl(PR_SET_SECUREBITS, libc.prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) | NO_SETUID_FIXUP, 0, 0, 0)
    check(libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "keep capabilities")
    os.setresuid(uid, uid, uid)
    low, high = (1 << keep) & 0xFFFFFFFF, (1 << keep) >> 32
    header = struct.pack("Ii", CAPABILITY_VERSION_3, 0)
    check(libc.capset(header, struct.pack("6I", low, low, low, high, high, high)), "set capabilities")
    # An ambient capability is the only kind that a program without file capabilities keeps through exec.
    check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, keep, 0, 0), "keep the capability through exec")


def main(arguments: list[str]) -> None:
    split = arguments.index("--")
    options, program = arguments[:split], arguments[split + 1 :]
    if "--detach" in options:
        # A session of its own: the terminal's Ctrl-C doesn't reach it, and init reaps it when it ends.
        os.setsid()
        if os.fork() > 0:
            os._exit(0)
    os.umask(0o077)
    os.chdir("/")
    try:
        if "--user" in options:
            place = options.index("--user")
            keep = int(options[options.index("--keep") + 1]) if "--keep" in options else None
            drop_to(int(options[place + 1]), int(options[place + 2]), keep)
        os.execv(program[0], program)
    except OSError as error:
        print(f"launcher: {program[0]}: {error}", file=sys.stderr, flush=True)
        os._exit(126)


if __name__ == "__main__":
    main(sys.argv[1:])
