"""Finds people in whole frames: boxes for the pose network to look into."""
