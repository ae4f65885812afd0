"""Business errors: each names what went wrong with a stable code, an HTTP status and words for a shopkeeper."""

from __future__ import annotations

from typing import Any, ClassVar

from huimeng.kernel.currency import Lang, money_text


class BusinessError(Exception):
    """A refusal that the caller can understand and act on; anything else that is raised is a fault."""

    code: ClassVar[str] = "business_error"
    status: ClassVar[int] = 422
    message_zh: ClassVar[str] = "操作未能完成"
    message_en: ClassVar[str] = "The operation could not be completed"

    def __init__(self, **fields: Any) -> None:
        super().__init__(fields)
        self.fields = fields

    def text(self, lang: Lang = "zh") -> str:
        template = self.message_zh if lang == "zh" else self.message_en
        try:
            return template.format(**self.told(lang))
        except (KeyError, IndexError):
            return template

    def told(self, lang: Lang) -> dict[str, Any]:
        """The fields as the words say them; with a `currency` among them, amounts are money of it."""
        currency = self.fields.get("currency")
        if currency is None:
            return self.fields
        return {
            name: money_text(value, currency, lang) if name.endswith("_fen") else value
            for name, value in self.fields.items()
        }

    def problem(self, lang: Lang = "zh") -> dict[str, Any]:
        """RFC 9457 problem details; the error's fields are its extension members."""
        return {
            **self.fields,
            "type": f"https://huimeng.dev/problems/{self.code}",
            "title": self.code.replace("_", " "),
            "status": self.status,
            "code": self.code,
            "detail": self.text(lang),
        }

    def __str__(self) -> str:
        return f"{self.code}: {self.text('en')}"


class InvalidInput(BusinessError):
    code = "invalid_input"
    status = 400
    message_zh = "{field} 填写有误：{reason_zh}"
    message_en = "{field} is not valid: {reason}"

    def __init__(self, field: str, reason: str, reason_zh: str | None = None, **fields: Any) -> None:
        super().__init__(field=field, reason=reason, reason_zh=reason_zh or reason, **fields)


_THINGS_ZH = {"order": "订单", "merchant": "商户"}


class NotFound(BusinessError):
    code = "not_found"
    status = 404
    message_zh = "找不到{what}"
    message_en = "{what} not found"

    def __init__(self, what: str, **fields: Any) -> None:
        super().__init__(what=what, **fields)

    def text(self, lang: Lang = "zh") -> str:
        # Errors made of this one have a sentence of their own, with a code or a number for {what}.
        if lang == "zh" and type(self) is NotFound:
            what = self.fields["what"]
            return f"找不到{_THINGS_ZH.get(what, what)}"
        return super().text(lang)


class Conflict(BusinessError):
    code = "conflict"
    status = 409
    message_zh = "与现有数据冲突"
    message_en = "This conflicts with what exists"


class IdempotencyKeyRequired(BusinessError):
    code = "idempotency_key_required"
    status = 400
    message_zh = "写操作须带 Idempotency-Key 请求头（1 到 200 个可打印的 ASCII 字符）"
    message_en = "A write needs an Idempotency-Key header of 1 to 200 printable ASCII characters"


class IdempotencyKeyReused(BusinessError):
    code = "idempotency_key_reused"
    status = 422
    message_zh = "同一个 Idempotency-Key 已用于不同的内容"
    message_en = "This Idempotency-Key was used with another body"


class Unauthorized(BusinessError):
    code = "unauthorized"
    status = 401
    message_zh = "请先登录（登录可能已过期）；或 API 密钥缺失、无效、过期或已撤销"
    message_en = "Log in first (a log-in may have run out); or the API key is missing, wrong, expired or revoked"


class PermissionDenied(BusinessError):
    code = "permission_denied"
    status = 403
    message_zh = "没有权限：{scope}"
    message_en = "The permission {scope} is missing"


class PreconditionFailed(BusinessError):
    code = "precondition_failed"
    status = 412
    message_zh = "内容已被他人修改（If-Match 不符），请重新读取后再改"
    message_en = "It was changed meanwhile (If-Match does not match); read it again before you change it"


class RateLimited(BusinessError):
    """retry_after: whole seconds."""

    code = "rate_limited"
    status = 429
    message_zh = "请求过快，请在 {retry_after} 秒后重试"
    message_en = "Too many requests; try again in {retry_after} s"


class NotHttp(BusinessError):
    code = "not_http"
    status = 400
    message_zh = "请求不符合 HTTP 格式"
    message_en = "What was sent is not a valid HTTP request"


class HeadTooLarge(BusinessError):
    code = "head_too_large"
    status = 431
    message_zh = "请求头过大"
    message_en = "The request's headers are too large"


class TransferCodingUnknown(BusinessError):
    code = "transfer_coding_unknown"
    status = 501
    message_zh = "不支持这种传输编码，Transfer-Encoding 只能是 chunked"
    message_en = "This transfer coding is not understood; Transfer-Encoding may be chunked only"


class RequestTooSlow(BusinessError):
    code = "request_too_slow"
    status = 408
    message_zh = "请求发送太慢，已放弃接收"
    message_en = "The request came too slowly and is not waited for any longer"


class TooBusy(BusinessError):
    code = "too_busy"
    status = 429
    message_zh = "当前请求过多，请稍后用同一 Idempotency-Key 重试"
    message_en = "Too many requests in the queue; try again shortly with the same Idempotency-Key"


class Unavailable(BusinessError):
    code = "database_unavailable"
    status = 503
    message_zh = "数据库暂时不可用，请用同一 Idempotency-Key 重试，不会重复入账"
    message_en = "The database is away for the moment; retry with the same Idempotency-Key, nothing is booked twice"
