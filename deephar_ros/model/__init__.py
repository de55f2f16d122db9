"""The network: SPNet, its configuration, its checkpoint folders."""
