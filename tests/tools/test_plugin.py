from __future__ import annotations

from unittest import mock

import pytest

from tests.plugin import SERVER, pytest_runtest_setup, pytest_terminal_summary
from tools.servers import CAPABILITIES, Server


def marked(kind: str, *needed: str) -> mock.Mock:
    """Make an item that is marked as needing something of this kind of server."""
    item = mock.Mock(user_properties=[])
    item.iter_markers.return_value = [pytest.mark.needs(*needed).mark]
    item.config.stash = {SERVER: Server(kind, "127.0.0.1:1", "", "", capabilities=CAPABILITIES[kind])}
    return item


@pytest.fixture(autouse=True)
def minio_not_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUIRE_MINIO", raising=False)


def test_what_the_server_has_runs() -> None:
    pytest_runtest_setup(marked("minio", "policies", "signatures"))


def test_what_it_lacks_is_skipped_and_named_at_the_end() -> None:
    item = marked("moto", "versioning", "policies")
    with pytest.raises(pytest.skip.Exception, match=r"^moto has no policies$"):
        pytest_runtest_setup(item)
    reporter = mock.Mock(stats={"skipped": [item, mock.Mock(user_properties=[])]})
    pytest_terminal_summary(reporter, item.config)
    reporter.write_line.assert_called_once_with("left untested on moto: 1 for want of policies", yellow=True)


def test_what_minio_has_must_not_be_skipped_where_minio_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRE_MINIO", "1")
    with pytest.raises(pytest.fail.Exception, match="REQUIRE_MINIO"):
        pytest_runtest_setup(marked("moto", "policies"))


def test_an_unknown_capability_is_a_mistake() -> None:
    with pytest.raises(pytest.fail.Exception, match="no such capability"):
        pytest_runtest_setup(marked("minio", "telepathy"))
