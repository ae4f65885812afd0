"""What can be refused about merchants, stores and keys."""

from __future__ import annotations

from huimeng.kernel.errors import BusinessError, Conflict, NotFound


class MerchantCodeTaken(Conflict):
    code = "merchant_code_taken"
    message_zh = "商户代码 {merchant} 已被使用"
    message_en = "The merchant code {merchant} is taken"


class StoreCodeTaken(Conflict):
    code = "store_code_taken"
    message_zh = "门店代码 {store} 已被使用"
    message_en = "The store code {store} is taken"


class RegionCodeTaken(Conflict):
    code = "region_code_taken"
    message_zh = "区域代码 {region} 已被使用"
    message_en = "The region code {region} is taken"


class MerchantNotFound(NotFound):
    code = "merchant_not_found"
    message_zh = "找不到商户 {what}"
    message_en = "Merchant {what} not found"


class StoreNotFound(NotFound):
    code = "store_not_found"
    message_zh = "找不到门店 {what}"
    message_en = "Store {what} not found"


class RegionNotFound(NotFound):
    code = "region_not_found"
    message_zh = "找不到区域 {what}"
    message_en = "Region {what} not found"


class ApiKeyNotFound(NotFound):
    code = "api_key_not_found"
    message_zh = "找不到 API 密钥 {what}"
    message_en = "API key {what} not found"


class StaffNotFound(NotFound):
    code = "staff_not_found"
    message_zh = "找不到员工 {what}"
    message_en = "Staff {what} not found"


class SessionNotFound(NotFound):
    code = "session_not_found"
    message_zh = "找不到登录会话 {what}"
    message_en = "Session {what} not found"


class LoginTaken(Conflict):
    code = "login_taken"
    message_zh = "登录名或手机号已被其他员工使用"
    message_en = "The login name or the phone belongs to another member of staff"


class LastOwner(Conflict):
    code = "last_owner"
    message_zh = "这是最后一位在职店主，不能停用或改为其他角色"
    message_en = "This is the last active owner: it can't be disabled or given another role"


class WeakPassword(BusinessError):
    code = "weak_password"
    status = 422
    message_zh = "新密码不可用：{reason_zh}"
    message_en = "The new password can't be used: {reason}"


class LoginFailed(BusinessError):
    """The same for an unknown name, a wrong password and a locked account: none of them may be told apart."""

    code = "login_failed"
    status = 401
    message_zh = "商户、登录名或密码不对；连续输错 5 次会锁定 15 分钟"
    message_en = "Merchant, login name or password is wrong; after 5 wrong ones the account is locked for 15 minutes"


class OneTimePasswordExpired(BusinessError):
    code = "one_time_password_expired"
    status = 401
    message_zh = "一次性密码已过期，请店主重置，或在服务器上运行 huimeng staff reset-password"
    message_en = "The one-time password has expired: let an owner reset it, or run huimeng staff reset-password"


class WrongPassword(BusinessError):
    code = "wrong_password"
    status = 403
    message_zh = "当前密码不对；连续输错 5 次会锁定 15 分钟"
    message_en = "The current password is wrong; after 5 wrong ones the account is locked for 15 minutes"


class PasswordChangeRequired(BusinessError):
    code = "password_change_required"
    status = 403
    message_zh = "请先修改一次性密码"
    message_en = "Change the one-time password first"


class CrossSite(BusinessError):
    code = "cross_site"
    status = 403
    message_zh = "请求不是从本站页面发出的，已拒绝；请刷新页面后重试"
    message_en = "The request did not come from our own page and was refused; reload the page and try again"


class NotLoggedIn(BusinessError):
    code = "not_logged_in"
    status = 403
    message_zh = "此操作须由员工登录后进行，不能使用 API 密钥"
    message_en = "This needs a person who is logged in, not an API key"


class StoreNotAllowed(BusinessError):
    code = "store_not_allowed"
    status = 403
    message_zh = "你的账号不负责这家门店；请指定你负责的门店"
    message_en = "Your account does not work in this store; name one that it works in"
