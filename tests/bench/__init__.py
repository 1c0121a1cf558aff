"""`make bench`: what the service costs, measured beside a bare relay in the same run.

Everything is a process of its own, on loopback and on free ports: an upstream that speaks by the
clock, the bare relay, the service on each server (inline, and as a web process and a worker with a
Redis between them), a private Postgres, and the load. docs/performance.md says what the figures
mean.
"""
