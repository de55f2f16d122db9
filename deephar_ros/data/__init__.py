"""Data sets, augmentation, mixing."""
