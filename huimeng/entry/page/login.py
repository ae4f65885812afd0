"""The two forms of the page that everybody sees: log in, and choose a password."""

from __future__ import annotations

from huimeng.entry.page.html import Html, html, tag
from huimeng.entry.page.views import Frame

_TEXT_MOST = 200


def _field(name: str, label: str, kind: str, autocomplete: str, value: str = "", *, focus: bool = False) -> Html:
    field = tag(
        "input",
        type=kind,
        id=name,
        name=name,
        value=value or None,
        required=True,
        maxlength=str(_TEXT_MOST),
        autocomplete=autocomplete,
        autocapitalize="none" if kind == "text" else None,
        spellcheck="false" if kind == "text" else None,
        autofocus=focus,
    )
    return html(tag("label", label, for_=name), field)


def _wrong(text: str | None) -> Html | None:
    return None if text is None else tag("p", text, class_="wrong", role="alert")


def login_page(frame: Frame, merchant: str = "", login: str = "", wrong: str | None = None) -> str:
    """What was typed stays, but for the password."""
    words = frame.words
    form = tag(
        "form",
        tag("h1", words("log_in")),
        _wrong(wrong) or tag("p", words("log_in_lead"), class_="soft"),
        _field("merchant", words("merchant_code"), "text", "organization", merchant, focus=not merchant),
        _field("login", words("login"), "text", "username", login, focus=bool(merchant) and not login),
        _field("password", words("password"), "password", "current-password", focus=bool(merchant and login)),
        tag("button", words("log_in"), type="submit"),
        class_="card stack",
        method="post",
        action=frame.link("/login"),
    )
    hints = tag("div", tag("p", words("one_time_hint")), tag("p", words("password_lost")), class_="soft small")
    return frame.page(words("log_in"), tag("div", form, hints, class_="narrow"), path="/login")


def password_page(frame: Frame, must_change: bool, wrong: str | None = None) -> str:
    words = frame.words
    lead = tag("p", words("must_change"), class_="notice") if must_change else None
    form = tag(
        "form",
        frame.token(),
        tag("h1", words("change_password")),
        _wrong(wrong) or lead,
        _field("current", words("current_password"), "password", "current-password", focus=True),
        _field("new", words("new_password"), "password", "new-password"),
        tag("p", words("password_rules"), class_="soft small hint"),
        _field("again", words("new_again"), "password", "new-password"),
        tag("button", words("save"), type="submit"),
        tag("p", words("others_logged_out"), class_="soft small hint"),
        class_="card stack",
        method="post",
        action=frame.link("/password"),
    )
    return frame.page(words("change_password"), tag("div", form, class_="narrow"), path="/password")
