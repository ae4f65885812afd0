"""Porting: members and orders of other systems in by file, and out again."""
