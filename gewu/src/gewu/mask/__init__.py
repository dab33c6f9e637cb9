"""Faces and plates covered before a picture is stored: a child process that may be killed, and the client that keeps it.

A service imports `client` and never a decoder: untrusted bytes are decoded only in the child (`__main__`, `confine`, `cover`).
"""
