"""Models and what finds plates in a picture: shared by what covers them and by what reads them.

Needs the extra `mask` (opencv-python, onnxruntime); both are imported when something is used, not before.
"""
