"""Rollouts in simulated time: the gates, the policy and the machine as they are, with invented calls."""
