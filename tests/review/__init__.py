"""Tests of the admin: what staff find, read and may do, against the real database."""
