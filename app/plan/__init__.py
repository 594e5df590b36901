"""Where the coil shall go: named targets and the choice among them."""
