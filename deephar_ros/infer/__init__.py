"""Offline inference: a source goes through the node's pipeline, and files keep what was found."""
