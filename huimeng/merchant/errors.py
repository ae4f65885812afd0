"""What can be refused about merchants, stores and keys."""

from __future__ import annotations

from huimeng.kernel.errors import Conflict, NotFound


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
