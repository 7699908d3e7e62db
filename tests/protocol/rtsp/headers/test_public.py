from edge_streamer.protocol.rtsp.headers.public import encode_methods


def test_methods_are_a_comma_list() -> None:
    assert encode_methods(("OPTIONS", "DESCRIBE", "SETUP")) == "OPTIONS, DESCRIBE, SETUP"
    assert encode_methods(()) == ""
