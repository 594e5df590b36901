"""Steering the coil to the target: guidance numbers, live navigation, the pictures that show it."""
