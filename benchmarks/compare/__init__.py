"""Are the verdicts of comparisons as rarely wrong as they promise, and how many cases do they need?"""
