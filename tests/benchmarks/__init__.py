"""Every figure that the README quotes, measured anew: ``uv run python -m tests.benchmarks``."""
