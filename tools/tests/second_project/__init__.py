"""Another project than this repository's, with names of its own: the package knows neither of the two."""
