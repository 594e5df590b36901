"""Small widgets that several panels share. They show what they are given."""
