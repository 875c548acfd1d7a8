"""An S3 server in memory for tests: buckets, objects and multipart uploads, and the operations on them."""
