"""What can be refused about figures."""

from huimeng.kernel.errors import BusinessError


class FiguresBeingMade(BusinessError):
    code = "figures_being_made"
    status = 409
    message_zh = "经营数据正在重算，稍后再试"
    message_en = "The figures are being made anew by somebody else; try again later"
