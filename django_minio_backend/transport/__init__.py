"""The HTTP connection to a server: pool, TLS, redirects and limits of headers. Knows urllib3, and nothing of S3."""
