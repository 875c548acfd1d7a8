"""URLs of objects: plain, presigned, stable and cached."""
