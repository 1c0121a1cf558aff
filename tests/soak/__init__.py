"""`make soak`: minutes of mixed load on a cluster, and a verdict.

Every text is compared with what upstream said; memory, descriptors, tasks, connections and rows are
watched for growth. docs/performance.md says what is looked at.
"""
