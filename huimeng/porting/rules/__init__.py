"""Decisions of the import: which column is which, what a cell means, which rows make an order, what differs."""
