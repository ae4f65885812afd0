"""One bill: what it earns, and what a refund gives back."""
