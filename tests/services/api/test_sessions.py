"""`/api/v1/sessions`: reading, and kicking."""

import json

import msgspec
import pytest

from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse
from edge_streamer.services.api.sessions import SessionRoutes
from edge_streamer.services.http.router import HttpRoutes
from tests.support.service_status import a_reporting_session, a_session, a_status

PATH = "/api/v1/sessions"


class Service:
    """The routes over a list of sessions, from which a kick takes one."""

    def __init__(self) -> None:
        self.sessions = [a_session(0, duration_s=12.5, discarded_frames=3), a_reporting_session(1)]
        self.routes = HttpRoutes([SessionRoutes(lambda: a_status(sessions=tuple(self.sessions)), self._kick)])

    def _kick(self, session_id: str) -> bool:
        left = [session for session in self.sessions if session.session_id != session_id]
        is_one, self.sessions = len(left) < len(self.sessions), left
        return is_one

    def ask(self, path: str, method: str = "GET") -> HttpResponse:
        return self.routes.handle(HttpRequest(method, path))


@pytest.fixture
def service() -> Service:
    return Service()


def test_all_sessions(service):
    response = service.ask(PATH)
    headers = dict(response.headers)
    assert (response.status, headers["content-type"], headers["cache-control"]) == (200, "application/json", "no-store")
    assert json.loads(response.body)[0] == {
        "id": "5E550000",
        "stream": "main",
        "slot": 0,
        "peer_ip": "192.0.2.0",
        "transport": "tcp",
        "client": "vlc",
        "state": "playing",
        "started_wall_s": 1_700_000_000.0,
        "duration_s": 12.5,
        "sent_bytes": 100_000,
        "discarded_frames": 3,
        "backlog_bytes": 16_700,
        "backlog_s": 0.25,
        "write_budget_bytes": 2_000_896,
        "oldest_unsent_s": 0.0,
        "fraction_lost_ratio": None,
        "jitter_s": None,
        "round_trip_s": None,
        "retransmits": None,
        "unacknowledged_bytes": None,
        "delivery_bps": None,
    }


def test_one_session_is_the_one_in_the_list(service):
    assert json.loads(service.ask(f"{PATH}/5E550001").body) == json.loads(service.ask(PATH).body)[1]


@pytest.mark.parametrize(("kernels", "shown"), [(None, 0.031), (0.004, 0.004), (0.0, 0.0)])
def test_the_kernels_round_trip_goes_before_that_of_reports(service, kernels, shown):
    service.sessions[1] = msgspec.structs.replace(
        service.sessions[1], kernel_round_trip_s=kernels, retransmits=2, delivery_bps=4e6
    )
    session = json.loads(service.ask(f"{PATH}/5E550001").body)
    assert (session["round_trip_s"], session["retransmits"], session["delivery_bps"]) == (shown, 2, 4e6)
    assert session["fraction_lost_ratio"] == 0.015625


def test_a_kick_ends_that_session_once(service):
    response = service.ask(f"{PATH}/5E550000", "DELETE")
    assert (response.status, response.body) == (204, b"")
    assert "content-type" not in dict(response.headers)
    assert [session["id"] for session in json.loads(service.ask(PATH).body)] == ["5E550001"]
    assert service.ask(f"{PATH}/5E550000", "DELETE").status == 404


def test_the_log_says_who_kicked(service, caplog):
    caplog.set_level("INFO")
    for session_id in ("5E550000", "5E550009"):
        service.routes.handle(HttpRequest("DELETE", f"{PATH}/{session_id}", user="gate", role="operator"))
    assert caplog.messages == ["session kicked session=5E550000 user=gate"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
@pytest.mark.parametrize("session_id", ["5E550009", "5e550000", "%35E550000", "", "5E550000/x"])
def test_a_session_that_is_not_there(service, method, session_id):
    response = service.ask(f"{PATH}/{session_id}", method)
    assert response.status == 404
    assert dict(response.headers)["content-type"] == "application/problem+json"
    assert len(service.sessions) == 2


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [(PATH, "DELETE", "GET, HEAD"), (f"{PATH}/5E550000", "PATCH", "GET, HEAD, DELETE")],
)
def test_what_may_not_be_done(service, path, method, allowed):
    response = service.ask(path, method)
    assert (response.status, dict(response.headers)["allow"]) == (405, allowed)
