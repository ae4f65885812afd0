"""Imports every table, so that the shared metadata is whole."""

import huimeng.analytics.tables
import huimeng.checkout.tables
import huimeng.infra.tables
import huimeng.ledger.tables
import huimeng.member.tables
import huimeng.merchant.tables
import huimeng.order.tables
import huimeng.points.tables
import huimeng.porting.tables  # noqa: F401
