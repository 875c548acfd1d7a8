from __future__ import annotations

from unittest import mock

import pytest

from tests.plugin import SERVER, pytest_collection_modifyitems, pytest_runtest_setup, pytest_terminal_summary
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


@pytest.mark.parametrize(("server_only", "kept"), [(True, ["direct", "through another"]), (False, None)])
def test_tests_without_the_server_are_left_out_on_request(*, server_only: bool, kept: list[str] | None) -> None:
    fixtures = {"direct": ["server"], "none": ["tmp_path"], "through another": ["storage", "bucket", "server"]}
    items: list[pytest.Item] = []
    for name, names in fixtures.items():
        item = mock.Mock(fixturenames=names)
        item.name = name
        items.append(item)
    config = mock.Mock()
    config.getoption.return_value = server_only
    pytest_collection_modifyitems(config, items)
    assert [item.name for item in items] == (kept or list(fixtures))
    deselected = [item.name for call in config.hook.pytest_deselected.mock_calls for item in call.kwargs["items"]]
    assert deselected == (["none"] if server_only else [])
