"""What the nodes say of their BGP sessions and routes: BIRD itself, CalicoNodeStatus, `calicoctl node status`.

Nothing is changed on a node. A source that nobody may use is named once and then left out, and a session counts when
every end that was asked has it established.
"""
