"""The signal with which other apps name objects that rows refer to without a FileField."""

from __future__ import annotations

from django.dispatch import Signal

collect_references = Signal()
"""Sent by ``clean_orphaned_minio_files``, once for each storage that it cleans and again before each deletion.

Arguments:
    sender: the storage's class.
    storage: the storage; its names are in ``storage.bucket`` under ``storage.options.location``.
    among: None to get all names; right before a deletion the list of names that are about to be deleted.

A receiver returns the names, as ``storage.save()`` returned them, in any iterable; a generator keeps memory small. It
returns None if it has no names in this storage. With ``among`` it may return only those of the list that are still in
use, which makes deletions fast; other names are ignored. If it raises an exception, nothing more is deleted.
"""
