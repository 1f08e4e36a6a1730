"""The control plane over HTTP: what the command line can do, for those who hold an administrator's key."""
