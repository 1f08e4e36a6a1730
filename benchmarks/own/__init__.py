"""An own model in the place of the embedded one, from the first ticket to the verdict."""
