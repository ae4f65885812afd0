"""The book: accounts, lots and transfers of every unit."""
