"""Uploads that go from a browser straight to the bucket."""
