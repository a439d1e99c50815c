"""Is a review right about what a change does? Against AWS's documentation, beside `cdk diff`'s library."""
