"""The person's head: its surfaces, landmarks, positions, and distances to them."""
