"""What may be learned from a model's answers: what services' terms and licences of weights say of it, with sources."""
