"""The canary: a drill a minute through the whole line, timed at each station, so that a silence is noticed by a machine first."""
