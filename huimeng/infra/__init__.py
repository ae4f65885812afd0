"""PostgreSQL, the Teller, outbox, crypto: what the business stands on, ignorant of the business."""
