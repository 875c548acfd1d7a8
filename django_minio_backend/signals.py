"""The signal by which other apps name objects that rows refer to in other ways than by a FileField."""

from __future__ import annotations

from django.dispatch import Signal

collect_references = Signal()
"""Sent by ``clean_orphaned_minio_files``, once for each storage that it cleans and again before each deletion.

Arguments:
    sender: the storage's class.
    storage: the storage; ``storage.bucket`` and ``storage.options.location`` tell where its names lie.
    among: None when all names are wanted; right before a deletion the list of names that are about to be deleted.

A receiver returns the names, as ``storage.save()`` gave them, in any iterable; a generator keeps memory small. Or None,
if it has none in this storage. With ``among`` it may return just those of the list that are still in use, which is what
makes a deletion fast; other names do no harm. What it raises stops the command before anything more is deleted.
"""
