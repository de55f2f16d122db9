"""The network: SPNet, its configuration, and the authors' weights."""
