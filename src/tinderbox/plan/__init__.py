"""Knowing before loading: what a model takes in memory and how fast it will be, by arithmetic alone."""
