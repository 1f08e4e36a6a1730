"""What surrounds every recipe: the run on disk, its curve, checkpoints, tracking, the model card."""
