# ZOOKEEPER-3642: a snapshot that a leader sent is in memory, and not on the disk.
#
# Server 1 was away for so long that it gets a snapshot. What follows goes into its log, as if the
# log had what the snapshot has. After the next restart all of that is missing in between.
world members
seed 1
servers 3
duration 20s
window 1
from-disk no
mutant snapshot-does-not-install
expect D8

when 3 leads write 3 "first"
when all agree crash 1
then write 3 "a"
then write 3 "b"
then write 3 "c"
when all agree restart 1
when all agree write 3 "d"
when all agree crash 1
then restart 1
when all agree crash 3
when 2 leads write 2 "e"
then restart 3
