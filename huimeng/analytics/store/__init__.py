"""All SQL of the figures: keeping them up (projection), and reading them."""
