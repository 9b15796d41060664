"""Keeps Phoenix on loopback: its gRPC server has no setting for the address it listens on."""

from grpc.aio import _server

_add_insecure_port = _server.Server.add_insecure_port


def _add_loopback_port(self, address):
    return _add_insecure_port(self, address.replace("[::]", "127.0.0.1"))


_server.Server.add_insecure_port = _add_loopback_port
