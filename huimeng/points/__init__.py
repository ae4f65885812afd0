"""Points and growth: the rules that orders earn by, and what a member holds."""
