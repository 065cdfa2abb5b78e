# ZOOKEEPER-4882: a server whose disk has failed goes on as if it had not.
#
# Server 1 has the leader's history, and writes of clients wait in its queue. The disk fails to force
# them, and would work again afterwards; but what it should have forced is gone, and no later force
# brings it back. It may not tell the leader that it serves: it starts anew, from what its disk
# really holds.
world members
seed 1
servers 3
duration 20s
mutant speaks-after-a-failure
expect D9

at 100ms slow 1 3
when 3 serves write 3 "a"
then write 3 "b"
when "1 → 3 Ack 1.0" fail-sync 1 1
then pause 3
after 50ms resume 3
after 2s reboot 1
