"""The judge is judged: bugs are planted into a copy of the source, and `gewu audit`, or the family of trouble that does the
harm, must name each.

A bug is a unified diff under `bugs` with its description, its fault and the expected finding above it. Its code says in
a file that its window was hit (`inside/planted_window.py`), so that a bug that never came to bear is not taken for caught.
"""
