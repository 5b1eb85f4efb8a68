#!/usr/bin/python3
"""A node that starts again leaves the leader alone, whichever of the others it meets first."""

import time

from cluster import Cluster, check

TIMES = 8
DOWN = 3  # seconds: the others try to connect after pauses that grow meanwhile, so the node meets them one after the other


def ballots(cluster, name):
    """What that node's leader says: the ballot that it is active under, and the one that it watches."""
    leader = cluster.status().get(name, {}).get("roles", {}).get("leader", {})
    return leader.get("ballot") if leader.get("state") == "active" else None, leader.get("watches")


def main():
    with Cluster() as cluster:
        cluster.wait_for_service()
        active = cluster.leader()
        before, _ = ballots(cluster, active)
        others = [name for name in cluster.layout if name != active]
        for i in range(TIMES):
            name = others[i % 2]
            cluster.kill(name)
            time.sleep(DOWN)
            cluster.start(name)
            deadline = time.monotonic() + 20
            while ballots(cluster, name)[1] != before:
                now, _ = ballots(cluster, active)
                check(now == before, "when %s was started again, %s did not lead under %s any more" % (name, active, before))
                check(time.monotonic() < deadline, "%s does not come to know the leader" % name)
            cluster.wait_for_service([name])
    print("restarts: %d, always under ballot %s" % (TIMES, before))


main()
