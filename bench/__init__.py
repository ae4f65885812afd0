"""Ratios against plain ways of doing the same, measured on this machine: `make bench`."""
