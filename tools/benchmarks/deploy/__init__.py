"""The deployer beside its peers, on the emulator: how long, how many calls, and how both grow."""
