"""The files' original names, and notes for pictures."""

# ruff: noqa: RUF012 - Django wants lists here, and copies them

from django.db import migrations, models

import django_minio_backend.models
import gallery.storages

UPLOADS = ("document", "privateattachment", "privatepicture", "publicattachment", "publicpicture")
PICTURES = ("privatepicture", "publicpicture")


class Migration(migrations.Migration):
    """Add the columns."""

    dependencies = [("gallery", "0001_initial")]

    operations = [
        *(
            migrations.AddField(model, "original_name", models.CharField(blank=True, editable=False, max_length=255))
            for model in UPLOADS
        ),
        *(
            migrations.AddField(
                model,
                "notes",
                models.FileField(
                    blank=True,
                    storage=gallery.storages.get_private_storage,
                    upload_to=django_minio_backend.models.iso_date_prefix,
                ),
            )
            for model in PICTURES
        ),
    ]
