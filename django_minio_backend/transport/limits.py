"""The limits of S3, each with its page below https://docs.aws.amazon.com/AmazonS3/latest/."""

from datetime import timedelta

# userguide/qfacts.html
MIN_PART_SIZE = 5 * 1024**2  # bytes of each part of a multipart upload but the last
MAX_PART_SIZE = 5 * 1024**3  # bytes of a part, and of an object that one PUT or CopyObject makes
MAX_PARTS = 10_000

MAX_KEY_BYTES = 1024  # of the UTF-8 encoding, userguide/object-keys.html
KEYS_PER_PAGE = 1_000  # of a listing, API/API_ListObjectsV2.html
KEYS_PER_DELETION = 1_000  # API/API_DeleteObjects.html
MAX_EXPIRY = timedelta(days=7)  # of a presigned URL, API/sigv4-query-string-auth.html
