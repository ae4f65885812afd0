"""From what a request carries to its Principal: a key's token, or the cookie of a person's session."""

from huimeng.infra.cache import TTL_SECONDS
from huimeng.merchant.authentication.keys import Authenticator, authenticate
from huimeng.merchant.authentication.principal import Principal
from huimeng.merchant.authentication.requests import PLAIN_COOKIE, SECURE_COOKIE, Doorman
from huimeng.merchant.authentication.sessions import Person, Sessions

__all__ = [
    "PLAIN_COOKIE",
    "SECURE_COOKIE",
    "TTL_SECONDS",
    "Authenticator",
    "Doorman",
    "Person",
    "Principal",
    "Sessions",
    "authenticate",
]
