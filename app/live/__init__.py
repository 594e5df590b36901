"""Live cameras in the window: a setup as equipment, how each camera is doing, recording feeds."""
