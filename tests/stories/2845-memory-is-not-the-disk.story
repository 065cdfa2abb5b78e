# ZOOKEEPER-2845: what a server holds in memory when a role ends is not what its disk holds.
#
# Server 3 logs a write that nobody else gets, and is deposed. It is told to cut it off. When the
# next leader goes, 3 votes with what it remembers. If the disk still has the write, it comes back
# after the next restart, beside another with the same number.
world members
seed 1
servers 3
duration 20s
mutant cut-in-memory-only
expect D5

when 3 leads write 3 "first"
when all agree cut 3 from 1 2
then write 3 "t"
when 2 leads mend all
when all agree crash 2
when 3 leads write 3 "u"
then restart 2
when all agree crash 3
then restart 3
