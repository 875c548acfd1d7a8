"""A bucket policy of one's own, for the option MINIO_POLICY_HOOKS.

To try it, copy the two names to config/settings.py, add

    "MINIO_POLICY_HOOKS": MINIO_POLICY_HOOKS,

to the OPTIONS of the storage "default", and run ``python manage.py initialize_buckets``. A hook comes after the bucket
was made public or private, so it has the last word.
"""

from typing import Any

BUCKET = "example-media"

# Anybody may fetch what lies below free/ if they know its name. Everything else in the bucket stays private, and
# nobody can list it, which would need s3:ListBucket.
READ_ONE_PREFIX: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "ReadFreeFiles",
            "Effect": "Allow",
            "Principal": {"AWS": ["*"]},
            "Action": ["s3:GetObject"],
            "Resource": [f"arn:aws:s3:::{BUCKET}/free/*"],
        },
    ],
}

# One pair of bucket and policy for each bucket that needs one.
MINIO_POLICY_HOOKS: list[tuple[str, dict[str, Any]]] = [
    (BUCKET, READ_ONE_PREFIX),
]
