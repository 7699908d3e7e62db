import json
from http import HTTPStatus

import pytest

from edge_streamer.protocol.http.messages import HttpResponse, problem


@pytest.mark.parametrize("status", [100, 101, 0, 99, 600])
def test_a_status_that_is_not_final_or_not_known_cannot_be_built(status):
    with pytest.raises(ValueError):
        HttpResponse(status)


@pytest.mark.parametrize("status", [204, 304])
def test_no_body_where_the_status_has_none(status):
    assert not HttpResponse(status).may_have_body
    with pytest.raises(ValueError):
        HttpResponse(status, body=b"x")


def test_a_problem_is_a_document_of_rfc_9457():
    response = problem(HTTPStatus.NOT_FOUND, 'No "x" here.', (("allow", "GET"),))
    assert response.status == 404
    assert dict(response.headers) == {"content-type": "application/problem+json", "allow": "GET"}
    assert json.loads(response.body) == {"title": "Not Found", "status": 404, "detail": 'No "x" here.'}
