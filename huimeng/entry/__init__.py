"""The doors: HTTP, command line and worker, and how everything is put together."""
