"""Use cases of porting: bring in orders and members from a file."""

from huimeng.porting.service.importing import Context, ImportOptions, ImportResult, Progress
from huimeng.porting.service.members import import_members
from huimeng.porting.service.orders import import_orders

__all__ = ["Context", "ImportOptions", "ImportResult", "Progress", "import_members", "import_orders"]
