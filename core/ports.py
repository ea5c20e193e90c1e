"""Whether a server can listen where it is told to."""

import socket

from core.errors import UserError


def check_free(name: str, host: str, port: int) -> None:
    """Try an address out; ``name`` is that of its variables, API or DASHBOARD.

    Raises:
        UserError: nobody can listen there.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror:
        raise UserError(f"{name}_HOST {host} is no address of this machine") from None
    except OSError as error:
        raise UserError(
            f"{host} port {port} cannot be listened on ({error.strerror}); stop what listens there, "
            f"or set {name}_PORT to another port"
        ) from None
