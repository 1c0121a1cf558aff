"""`make growth`: how cost grows with what there is. Measured, drawn into docs/, kept as JSON.

With the streams at once, the conversations kept, the length of an answer, and the followers of one.
"""
