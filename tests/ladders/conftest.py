"""The ladder fixtures; they are described where they are made."""

from tests.support.rtsp.ladder import ladder, tcp_only_ladder

__all__ = ["ladder", "tcp_only_ladder"]
