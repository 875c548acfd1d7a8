"""The tables of the uploads.

The storages and ``upload_to`` are functions, and stand here by their names alone.
"""

# ruff: noqa: RUF012 - Django wants lists here, and copies them

import django.utils.timezone
from django.db import migrations, models

import django_minio_backend.models
import gallery.storages


class Migration(migrations.Migration):
    """Create all tables."""

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Document",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(max_length=100)),
                ("uploaded_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("file", models.FileField(upload_to=django_minio_backend.models.iso_date_prefix)),
            ],
            options={"ordering": ("-uploaded_at", "-pk"), "abstract": False},
        ),
        migrations.CreateModel(
            name="PrivateAttachment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(max_length=100)),
                ("uploaded_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "file",
                    models.FileField(
                        storage=gallery.storages.get_private_storage,
                        upload_to=django_minio_backend.models.iso_date_prefix,
                    ),
                ),
            ],
            options={"ordering": ("-uploaded_at", "-pk"), "abstract": False},
        ),
        migrations.CreateModel(
            name="PrivatePicture",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(max_length=100)),
                ("uploaded_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "picture",
                    models.ImageField(
                        storage=gallery.storages.get_private_storage,
                        upload_to=django_minio_backend.models.iso_date_prefix,
                    ),
                ),
            ],
            options={"ordering": ("-uploaded_at", "-pk"), "abstract": False},
        ),
        migrations.CreateModel(
            name="PublicAttachment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(max_length=100)),
                ("uploaded_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "file",
                    models.FileField(
                        storage=gallery.storages.get_public_storage,
                        upload_to=django_minio_backend.models.iso_date_prefix,
                    ),
                ),
            ],
            options={"ordering": ("-uploaded_at", "-pk"), "abstract": False},
        ),
        migrations.CreateModel(
            name="PublicPicture",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(max_length=100)),
                ("uploaded_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "picture",
                    models.ImageField(
                        storage=gallery.storages.get_public_storage,
                        upload_to=django_minio_backend.models.iso_date_prefix,
                    ),
                ),
            ],
            options={"ordering": ("-uploaded_at", "-pk"), "abstract": False},
        ),
    ]
