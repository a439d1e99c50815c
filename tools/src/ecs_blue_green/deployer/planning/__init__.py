"""What a deploy would do and what blocks it: the plan, its guard, its report, kept in a file."""
