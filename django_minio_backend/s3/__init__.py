"""S3 operations in terms of the minio SDK; with transport, the only room that imports the SDK and urllib3."""
