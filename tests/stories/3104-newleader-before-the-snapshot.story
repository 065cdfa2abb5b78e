# ZOOKEEPER-3104: what is proposed while a snapshot is under way is neither in it nor after it.
#
# Server 1 gets a snapshot. Before it has taken all of it, there is another write. What follows the
# snapshot must begin where the snapshot ends, and not where the leader is by then: else 1 finds a
# hole, leaves, and asks again, for ever.
world members
seed 1
servers 3
duration 20s
window 1
from-disk no
mutant snapshot-forgets-what-came-after
expect L1

when 3 leads write 3 "first"
when all agree crash 1
then write 3 "a"
then write 3 "b"
then write 3 "c"
when all agree restart 1
when "3 -> 1 Snap " write 3 "meanwhile"
when all agree write 3 "after"
