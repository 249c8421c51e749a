"""Measurements that README quotes: `make bench`, or `python -m tests.bench --help`. They report, they never fail."""
