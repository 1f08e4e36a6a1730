"""What administrators see and do, for the command line and the admin API alike."""
