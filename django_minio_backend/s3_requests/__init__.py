"""S3 requests as a server reads them: messages, signatures, bodies, upload forms and bucket policies; for tests."""
