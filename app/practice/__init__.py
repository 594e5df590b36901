"""Practising without hardware: a recorded feed, the simulated stimulator, a scripted session."""
