"""Money, ids, time and errors: no I/O, known to everyone."""
