"""Use cases of porting: bring in orders and members from a file."""

from huimeng.porting.service import members, orders
from huimeng.porting.service.importing import Context, ImportOptions, ImportResult, Progress
from huimeng.porting.service.watching import expect_imports, watched

__all__ = ["Context", "ImportOptions", "ImportResult", "Progress", "expect_imports", "import_members", "import_orders"]

import_members = watched("members", members.import_members)
import_orders = watched("orders", orders.import_orders)
