"""The real world behind the ports, in rooms: this machine, and what is asked over the network.

`local` imports no other room, `kubernetes` only `local`; `etcd` and `nodes` import both, `calicoctl` also `etcd`.
Client libraries stay in their module, and nothing here decides about order or safety.
"""
