"""The HTTP door: cases for those with a scope, report status by link, departments' moves."""
