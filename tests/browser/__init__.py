"""A package, so that what its fixtures hold ends with it: while Chromium is driven, this thread has a running loop."""
