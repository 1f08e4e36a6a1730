"""Values that every room shares: errors, usage, money, ids, time. Imports nothing of ours."""
