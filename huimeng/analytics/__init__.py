"""Figures: read models kept up from what happened, and the answers drawn from them."""
