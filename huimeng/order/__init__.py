"""Who bought what, where: orders, their lines, tenders and refunds."""
