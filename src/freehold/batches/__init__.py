"""Files and batches: many requests handed in at once, answered by any model through the engine, one call each."""
