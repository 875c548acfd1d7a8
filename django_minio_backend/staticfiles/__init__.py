"""Static files in one public bucket, and collectstatic."""
