"""The comparison with emulators that others wrote: what its document says of ours is still so."""
