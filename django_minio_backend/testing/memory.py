"""The server in memory as a context manager, a decorator, and a mixin of test cases."""

from __future__ import annotations

import functools
import inspect
import unittest
from typing import TYPE_CHECKING, Any, TypeVar, cast

from .installation import Installation

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..memory_s3.server import MemoryServer
    from .view import MemoryMinio

Decorated = TypeVar("Decorated", bound="Callable[..., Any]")


class memory_minio:  # noqa: N801 - used as a function, like Django's override_settings
    """Let every MinIO storage of this process work on a new S3 server in memory.

    That holds for storages of aliases, of calls and of fields, for ``storage.client`` and for the commands, in all
    threads; no request leaves the process. Blocks can be nested: each has a server of its own. At the end of a block
    its server is forgotten, and storages work as before.

    It is a context manager, and a decorator of functions (also of async ones) and of ``unittest.TestCase`` classes.

    Args:
        create_buckets: create the buckets of STORAGES at the beginning, with their policies; those of a field's
            storage when they are first used; and any other one with the first upload to it. If False, there is no
            bucket at the beginning.
    """

    def __init__(self, *, create_buckets: bool = True) -> None:
        self._create_buckets = create_buckets
        self._open: list[Installation] = []

    def __enter__(self) -> MemoryMinio:
        installation = Installation(create_buckets=self._create_buckets)
        minio = installation.begin()
        self._open.append(installation)
        return minio

    def __exit__(self, *_: object) -> None:
        self._open.pop().end()

    def __call__(self, decorated: Decorated) -> Decorated:
        """Decorate a test function or a class of tests.

        Raises:
            TypeError: it is a class that is no ``unittest.TestCase``.
        """
        if inspect.isclass(decorated):
            return cast("Decorated", self._decorated_class(decorated))
        wrapper: Any
        if inspect.iscoroutinefunction(decorated):

            @functools.wraps(decorated)
            async def wrapper(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return await decorated(*args, **kwargs)

        else:

            @functools.wraps(decorated)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return decorated(*args, **kwargs)

        return wrapper  # type: ignore[no-any-return]  # it has the signature of the decorated function

    def _decorated_class(self, decorated: type) -> Any:
        if not issubclass(decorated, unittest.TestCase):
            raise TypeError(
                f"memory_minio() decorates functions and unittest.TestCase classes, and {decorated.__name__} is "
                'neither. Use @pytest.mark.usefixtures("memory_minio").'
            )
        attributes = {name: getattr(decorated, name) for name in ("__module__", "__qualname__", "__doc__")}
        attributes["memory_minio_creates_buckets"] = self._create_buckets
        return type(decorated.__name__, (MemoryMinioMixin, decorated), attributes)


class MemoryMinioMixin(unittest.TestCase):
    """A test case whose storages work on a server in memory: ``class MyTests(MemoryMinioMixin, TestCase)``.

    Each test starts with what ``setUpClass`` and ``setUpTestData`` have saved, whatever other tests do to it.

    Attributes:
        minio: the server of the test; in ``setUpClass`` and ``setUpTestData``, that of the class.
        memory_minio_creates_buckets: as ``create_buckets`` of ``memory_minio``.
    """

    minio: MemoryMinio
    memory_minio_creates_buckets = True
    _server_of_class: MemoryServer

    @classmethod
    def setUpClass(cls) -> None:
        """Install the class's server before Django's test cases make their data."""
        installation = Installation(create_buckets=cls.memory_minio_creates_buckets)
        cls.minio = installation.begin()
        cls.addClassCleanup(installation.end)
        cls._server_of_class = installation.server
        super().setUpClass()

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        """Run the test, its fixtures and its cleanups on a copy of the class's server."""
        installation = Installation(self._server_of_class.copy())
        self.minio = installation.begin()
        try:
            return super().run(result)
        finally:
            installation.end()
