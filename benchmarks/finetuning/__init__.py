"""How many tokens a second the recipe `sft` learns from, beside TRL's own trainer."""
