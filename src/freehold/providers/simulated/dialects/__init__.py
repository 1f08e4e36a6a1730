"""The wire formats, one dialect beside the other: what each takes (`…_request`) and how it answers."""
