"""Where the data of an import lies: the file that is read, the spill between the passes, the job's row."""
