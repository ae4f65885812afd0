"""Login names, passwords, lockout and the life of a session."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from huimeng.kernel.errors import InvalidInput
from huimeng.merchant.errors import WeakPassword
from huimeng.merchant.rules import ROLES, Role

PASSWORD_LEAST, PASSWORD_MOST = 8, 128
WRONG_PASSWORDS = 5
LOCKED_FOR = timedelta(minutes=15)
# What the first run prints, or an owner hands out, must be used soon.
ONE_TIME_PASSWORD_FOR = timedelta(days=7)
# Without a request for so long, and in all.
IDLE: dict[str, timedelta] = {"owner": timedelta(minutes=30), "cashier": timedelta(hours=12)}
LONGEST = timedelta(hours=12)
# How exact the last request of a session is known: it saves a write with each request.
SEEN_EVERY = timedelta(seconds=60)
SESSIONS_MOST = 20
SESSIONS_KEPT_FOR = timedelta(days=30)

# No letters and digits that look alike; 31 signs, so 16 of them are 79 bits.
ONE_TIME_SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"
ONE_TIME_LENGTH = 16

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]{1,63}", re.ASCII)
_PHONE = re.compile(r"\+?[0-9]{6,15}", re.ASCII)
_PHONE_MARKS = str.maketrans("", "", " -()")

# What people choose most, without the digits and signs that they put behind it.
_COMMON_WORDS = """
password passwort passw0rd p@ssword p@ssw0rd pass passwd admin administrator adminadmin root superuser guest welcome
login letmein master monkey dragon iloveyou sunshine princess football baseball shadow superman batman michael
jordan jennifer charlie daniel thomas george hunter ranger buster killer pepper ginger summer winter spring autumn
flower freedom whatever trustno trustno1 starwars computer internet samsung google facebook qwerty qwertyuiop qwert
asdfgh asdfghjkl asdf zxcvbn zxcvbnm zxcv qazwsx qazwsxedc qweasd qweasdzxc qwe 1qaz2wsx 1qaz2wsx3edc 1q2w3e4r
1q2w3e4r5t 1q2w3e q1w2e3r4 zaq12wsx abc abcabc abcd abcdef abcdefg abcdefgh a123456 aa123456 a12345678 abc123 woaini
woaini1314 woaini520 iloveu 5201314 1314520 woaiwojia nihao zhongguo wangyi taobao alipay weixin wechat xiaoming
zhangsan lisi wangwu laoban dianzhang shouyin huiyuan huimeng owner cashier manager boss shop store member demo test
testtest testing changeme default secret monday tuesday wednesday thursday friday saturday sunday january february
march april june july august september october november december china beijing shanghai shenzhen guangzhou
"""
_COMMON = frozenset(_COMMON_WORDS.split())
# Shorter ones are birthdays and phone numbers.
_DIGITS_LEAST = 12
_RUNS = (
    "01234567890123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
)


def login_name(value: str) -> str:
    """Lower case; a phone number or a mail address will do as well."""
    text = unicodedata.normalize("NFKC", value[:200]).strip().lower()
    if not _LOGIN.fullmatch(text):
        raise InvalidInput(
            "login",
            "2 to 64 letters, digits and . _ @ + -, beginning with a letter or digit",
            "须为 2 到 64 个字母、数字或 . _ @ + -，以字母或数字开头",
        )
    return text


def phone(value: str) -> str:
    """Digits with the country: 13812345678 is +8613812345678."""
    text = unicodedata.normalize("NFKC", value[:60]).translate(_PHONE_MARKS)
    if not _PHONE.fullmatch(text):
        raise InvalidInput("phone", "not a phone number", "不是有效的手机号")
    return text if text.startswith("+") else f"+86{text}"


def phone_in(login: str) -> str | None:
    """The phone that is looked for when this is typed; None: it is none."""
    try:
        return phone(login)
    except InvalidInput:
        return None


def masked_phone(number: str) -> str:
    return f"****{number[-4:]}"


def check_password(password: str, *own: str) -> None:
    """WeakPassword; own: what belongs to the person and is guessed first, such as the login name."""
    if not PASSWORD_LEAST <= len(password) <= PASSWORD_MOST:
        raise WeakPassword(
            reason=f"it needs {PASSWORD_LEAST} to {PASSWORD_MOST} characters",
            reason_zh=f"须为 {PASSWORD_LEAST} 到 {PASSWORD_MOST} 个字符",
        )
    plain = password.casefold()
    bare = plain.rstrip("0123456789!@#$%^&*._-")
    if plain in {text.casefold() for text in own if text} or (bare and bare in {text.casefold() for text in own}):
        raise WeakPassword(reason="it is the login name", reason_zh="不能与登录名或商户代码相同")
    if plain in _COMMON or bare in _COMMON or _is_simple(plain) or (not bare and len(plain) < _DIGITS_LEAST):
        raise WeakPassword(reason="it is one of the first that are tried", reason_zh="过于常见，容易被猜中")


def _is_simple(text: str) -> bool:
    """One or two signs, one piece again and again, or a run of the alphabet or the keyboard."""
    if len(set(text)) <= 2 or any(text == (text[:n] * len(text))[: len(text)] for n in range(1, len(text) // 2 + 1)):
        return True
    return any(text in run or text in run[::-1] for run in _RUNS)


class Attempt(msgspec.Struct, frozen=True):
    """Where the count of wrong passwords stands; counted before the password is looked at."""

    admitted: bool
    failed: int
    locked_until: datetime | None


def attempt(now: datetime, failed: int, locked_until: datetime | None) -> Attempt:
    """Counts this attempt as wrong until it proves right, so that many at once get no more tries than one by one."""
    if locked_until is not None and now < locked_until:
        return Attempt(False, failed, locked_until)
    counted = 1 if locked_until is not None else failed + 1
    return Attempt(True, counted, now + LOCKED_FOR if counted >= WRONG_PASSWORDS else None)


def session_alive(now: datetime, role: str, created_at: datetime, seen_at: datetime, ended_at: datetime | None) -> bool:
    return ended_at is None and now - seen_at < IDLE[role] and now - created_at < LONGEST


def session_ends(role: str, created_at: datetime, seen_at: datetime) -> datetime:
    return min(seen_at + IDLE[role], created_at + LONGEST)


def may_give(scopes: frozenset[str], role: Role) -> bool:
    """Nobody gives, or commands, a role that can do more than they can."""
    return "*" in scopes or ROLES[role] <= scopes


def staff_stores(role: Role, stores: Iterable[int] | None) -> list[int] | None:
    """An owner works everywhere; InvalidInput."""
    if stores is None:
        return None
    if role == "owner":
        raise InvalidInput("stores", "an owner works in all stores: null", "店主负责所有门店，不能限定门店")
    wanted = sorted(set(stores))
    if not wanted:
        raise InvalidInput("stores", "at least one store, or null for all", "至少选择一家门店，或不限门店")
    return wanted


SameOrigin = Literal["same", "unknown", "other"]


def sent_from(site: str | None, origin: str | None, own: str) -> SameOrigin:
    """Which page sent a request, by Sec-Fetch-Site and Origin; own is scheme://host of the request itself."""
    if site is not None and site not in ("same-origin", "none"):
        return "other"
    if origin is not None:
        return "same" if origin.lower() == own.lower() else "other"
    return "unknown" if site is None else "same"


_SESSION = re.compile(r"hs_([0-9]{1,15})_([0-9]{1,18})_([A-Za-z0-9_-]{43})", re.ASCII)


class SessionToken(msgspec.Struct, frozen=True):
    """What the cookie holds."""

    merchant_id: int
    session_id: int
    secret: str

    def text(self) -> str:
        return f"hs_{self.merchant_id}_{self.session_id}_{self.secret}"


def parse_session(text: str) -> SessionToken | None:
    match = _SESSION.fullmatch(text)
    return None if match is None else SessionToken(int(match[1]), int(match[2]), match[3])


def neighbourhood(ip: str) -> str:
    """What one customer of a provider has: an IPv4 address, or a whole /64 of IPv6, to be counted as one."""
    try:
        address = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return ip
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, 64), strict=False))
