"""What making or serving a model would take, before anything is paid for. Numbers in, numbers out."""
