"""A month of figures for people without a browser at hand: in the terminal, and as one file of HTML."""
