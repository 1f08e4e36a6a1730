"""A comparison under way: cases drawn, models asked, answers scored and counted until the verdicts are sure."""
