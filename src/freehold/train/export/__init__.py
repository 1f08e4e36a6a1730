"""From a trained model to a file that serves it, and the proof that the file is as good as the model."""
