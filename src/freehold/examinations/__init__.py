"""What `freehold doctor` looks at: each examination gives findings, and each finding says what to do."""
