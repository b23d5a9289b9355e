from .bridge import Arrived as Arrived, Bridge as Bridge, NotTrusted as NotTrusted
from .cluster import NatsCluster as NatsCluster
from .server import NatsServer as NatsServer, ServerFailed as ServerFailed

__all__: list[str]
