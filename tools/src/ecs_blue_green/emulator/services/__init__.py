"""The APIs that ministack lacks, and the parts of its own that drop what a blue/green release needs."""
