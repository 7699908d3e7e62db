"""The API's description: all of it, made from what is there."""

import importlib
import inspect
import json
import pkgutil
from collections.abc import Iterator
from unittest.mock import Mock

import pytest

from edge_streamer import services
from edge_streamer.media.registry import StreamRegistry
from edge_streamer.protocol.http.messages import HttpRequest
from edge_streamer.runtime.loop import Loop
from edge_streamer.services.api.device import DeviceRoutes
from edge_streamer.services.api.openapi import ApiDescription
from edge_streamer.services.api.reload import ControlRoutes
from edge_streamer.services.api.sessions import SessionRoutes
from edge_streamer.services.api.status import StatusRoutes
from edge_streamer.services.api.streams import StreamRoutes
from edge_streamer.services.http.routes import Finder
from edge_streamer.services.live.routes import LiveRoutes
from edge_streamer.services.metrics.exposition import MetricsExposition, ServiceCollector
from edge_streamer.services.web.page import PageRoutes
from tests.support.service_status import a_status


class Logins:
    """Who has to log in: nobody, unless the test says so."""

    login_schemes: tuple[str, ...] = ()
    everybody_may: frozenset[str] = frozenset()

    def needs_login(self, method: str) -> bool:
        return method not in self.everybody_may


@pytest.fixture
def described(loop: Loop) -> list[Finder]:
    return [
        StatusRoutes(a_status, MetricsExposition(ServiceCollector(a_status)), lambda call: call()),
        StreamRoutes(a_status, {"x": Mock()}.get),
        SessionRoutes(a_status, lambda _id: True),
        DeviceRoutes(a_status),
        ControlRoutes(lambda _on_done: None),
        LiveRoutes(loop, StreamRegistry(), a_status),
    ]


@pytest.fixture
def logins() -> Logins:
    return Logins()


@pytest.fixture
def description(described: list[Finder], logins: Logins) -> ApiDescription:
    return ApiDescription([route for finder in described for route in finder.routes], logins)


def operations(document: dict) -> Iterator[tuple[str, str, dict]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield path, method.upper(), operation


def finder_types() -> set[type]:
    """Every class of the services that finds resources."""
    found = set()
    for module in pkgutil.walk_packages(services.__path__, f"{services.__name__}."):
        for _name, each in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if each.__module__ == module.name and inspect.isfunction(vars(each).get("find")) and each is not Finder:
                found.add(each)
    return found


def test_whoever_has_resources_describes_them_but_for_the_page(described):
    assert finder_types() == {type(finder) for finder in described} | {ApiDescription, PageRoutes}


def test_every_method_of_every_path_is_described_and_nothing_else(described, description):
    document = description.document()
    shown = {path: set() for path in document["paths"]}
    for path, method, _operation in operations(document):
        shown[path].add(method)
    for path, methods in shown.items():
        asked = path.replace("{name}", "x").replace("{id}", "0123456789ABCDEF")
        (resource,) = [found for finder in [*described, description] if (found := finder.find(asked)) is not None]
        assert set(resource) == methods


def test_operations_have_names_of_their_own_and_their_links_lead_somewhere(description):
    document = description.document()
    names = [operation["operationId"] for _path, _method, operation in operations(document)]
    assert len(set(names)) == len(names)
    links = [
        name
        for _path, _method, operation in operations(document)
        for answer in operation["responses"].values()
        for name in answer.get("links", ())
    ]
    assert set(links) <= set(names)
    assert "endSession" in links


def test_every_reference_can_be_followed(description):
    document = description.document()
    text = json.dumps(document)
    references = {part.partition('"')[0] for part in text.split('"$ref": "')[1:]}
    for reference in references:
        place = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
    assert "#/components/schemas/StatusDocument" in references


def test_every_refusal_is_a_problem(description):
    document = description.document()
    problem = {"$ref": "#/components/schemas/ProblemDocument"}
    for path, _method, operation in operations(document):
        for status, answer in operation["responses"].items():
            if "$ref" in answer:
                answer = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
            if int(status) >= 400 and (path, status) != ("/healthz", "503"):
                assert answer["content"] == {"application/problem+json": {"schema": problem}}


def test_where_nobody_logs_in_nothing_is_said_of_it(description):
    document = description.document()
    assert document["components"]["securitySchemes"] == {}
    for _path, _method, operation in operations(document):
        assert "security" not in operation
        assert not {"401"} & set(operation["responses"])


def test_where_people_log_in_it_is_said_how_and_for_what(description, logins):
    logins.login_schemes, logins.everybody_may = ("digest", "basic"), frozenset({"GET"})
    document = description.document()
    assert document["components"]["securitySchemes"]["basic"]["scheme"] == "basic"
    for _path, method, operation in operations(document):
        optional = [{}] if method == "GET" else []
        assert operation["security"] == [*optional, {"digest": []}, {"basic": []}]
        assert "401" in operation["responses"]
        assert method == "GET" or "403" in operation["responses"]


def test_a_change_is_described_as_it_is_read(description):
    change = description.document()["paths"]["/api/v1/streams/{name}"]["patch"]
    assert "minProperties" in json.dumps(change["requestBody"])
    assert set(change["responses"]) >= {"200", "400", "404", "409", "415", "504"}


def test_a_snapshot_that_does_not_come_is_described_as_it_is_answered(description):
    picture = description.document()["paths"]["/api/v1/streams/{name}/snapshot.jpg"]["get"]
    assert {status for status in picture["responses"] if status.startswith("50")} == {"501", "503", "505"}


def test_it_is_answered_as_json(description):
    response = description.find("/api/v1/openapi.json")["GET"](HttpRequest("GET", "/api/v1/openapi.json"))
    assert dict(response.headers)["content-type"] == "application/json"
    assert json.loads(response.body)["openapi"] == "3.1.0"
    assert description.find("/api/v1/openapi") is None
