"""`make init`, in clones of this repository."""
