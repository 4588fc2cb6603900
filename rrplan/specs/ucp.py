"""How Docker Enterprise UCP's documentation calls calicoctl, on a manager."""

from __future__ import annotations

UCP = "ucp"
"""Said instead of a command."""
FUNCTION = """\
calicoctl() {
  docker run -i --rm --pid host --net host -e constraint:ostype==linux \\
    -e ETCD_ENDPOINTS=https://127.0.0.1:12378 -e ETCD_CA_CERT_FILE=/ucp-node-certs/ca.pem \\
    -e ETCD_CERT_FILE=/ucp-node-certs/cert.pem -e ETCD_KEY_FILE=/ucp-node-certs/key.pem \\
    -v /var/run/calico:/var/run/calico -v ucp-node-certs:/ucp-node-certs:ro \\
    "docker/ucp-dsinfo:$(docker version --format '{{.Server.Version}}' | cut -d/ -f2)" calicoctl "$@"
}
"""
"""A function of bash; the part of the server's version after the slash is UCP's."""
