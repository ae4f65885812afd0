"""The caller of a request, by its headers: a key in Authorization, or a person by cookie with a CSRF token."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

import msgspec

from huimeng.infra.database import Database
from huimeng.kernel.errors import Unauthorized
from huimeng.merchant.authentication.keys import Authenticator
from huimeng.merchant.authentication.principal import Principal
from huimeng.merchant.authentication.sessions import Person, Sessions
from huimeng.merchant.errors import CrossSite, PasswordChangeRequired
from huimeng.merchant.rules import people
from huimeng.merchant.service.sessions import csrf_token

# __Host-: only over TLS, only this very host, only path /; no neighbour on a sister domain can plant it.
SECURE_COOKIE, PLAIN_COOKIE = "__Host-huimeng", "huimeng_session"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LOG_IN = ("POST", "/v1/session")
_WITH_ONE_TIME_PASSWORD = frozenset({"/v1/session", "/v1/session/password"})
# What a page sends with what it asks by itself, while nobody is at it: that must not keep a session alive.
_UNATTENDED = b"x-unattended"
_WANTED = frozenset({b"cookie", b"x-csrf-token", b"origin", b"sec-fetch-site", b"host", _UNATTENDED})
_TOKEN_MOST = 200

Headers = Iterable[tuple[bytes, bytes]]


class Carried(msgspec.Struct, frozen=True):
    """What a request says about who sent it."""

    cookie: str | None = None
    csrf: str = ""
    origin: str | None = None
    site: str | None = None
    host: str = ""
    attended: bool = True


class Doorman:
    """One a process; secure: the browser talks TLS, to us or to a declared proxy."""

    def __init__(
        self, db: Database, *, secure: bool = False, keys: Authenticator | None = None, sessions: Sessions | None = None
    ) -> None:
        self.secure = secure
        self.cookie_name = SECURE_COOKIE if secure else PLAIN_COOKIE
        self._keys = keys or Authenticator(db)
        self.sessions = sessions or Sessions(db)

    async def authenticate_request(self, method: str, path: str, headers: Headers) -> Principal | None:
        """None: anybody may log in. Unauthorized, CrossSite, PasswordChangeRequired, Unavailable."""
        if (method, path) == _LOG_IN:
            return None
        given = [value for name, value in headers if name == b"authorization"]
        if len(given) > 1:
            # Whoever stands before us may have looked at the other one.
            raise Unauthorized()
        if given:
            # A browser never adds this header by itself, so there is nothing to forge.
            return await self._keys(_bearer(given[0].decode("latin-1")))
        carried = self.carried(headers)
        if carried.cookie is None:
            raise Unauthorized()
        person = await self.sessions(carried.cookie, attended=carried.attended)
        if method not in _SAFE:
            self.check_change(person, carried)
        if person.must_change_password and path not in _WITH_ONE_TIME_PASSWORD:
            raise PasswordChangeRequired()
        return person.principal

    def carried(self, headers: Headers) -> Carried:
        """Of the headers that a browser sends with a session."""
        found: dict[bytes, str] = {}
        for name, value in headers:
            if name not in _WANTED:
                continue
            text = value.decode("latin-1")
            # A proxy may hand on each cookie in a header of its own, as HTTP/2 has them.
            found[name] = f"{found[name]}; {text}" if name == b"cookie" and name in found else text
        return Carried(
            _cookie(found.get(b"cookie", ""), self.cookie_name),
            found.get(b"x-csrf-token", ""),
            found.get(b"origin"),
            found.get(b"sec-fetch-site"),
            found.get(b"host", ""),
            _UNATTENDED not in found,
        )

    def check_page(self, carried: Carried) -> None:
        """CrossSite when the browser says that another site sent it."""
        own = f"{'https' if self.secure else 'http'}://{carried.host}"
        if people.sent_from(carried.site, carried.origin, own) == "other":
            raise CrossSite()

    def check_change(self, person: Person, carried: Carried) -> None:
        """CrossSite unless it carries the session's own token and comes from our own page."""
        self.check_page(carried)
        if not hmac.compare_digest(carried.csrf.encode("latin-1"), csrf_token(person.token).encode()):
            raise CrossSite()


def _bearer(authorization: str) -> str:
    kind, _, token = authorization.partition(" ")
    if kind.lower() != "bearer" or len(token) > _TOKEN_MOST:
        raise Unauthorized()
    return token.strip()


def _cookie(header: str, name: str) -> str | None:
    """The first of this name."""
    for part in header.split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value[:_TOKEN_MOST]
    return None
