# ZOOKEEPER-4925: entries come in by two ways, and one of them forgets to remember them.
#
# Server 1 misses one write, is brought up to date, and follows on. Later it leads. What it sends
# to server 2, which was away all the time, comes out of its memory: there is a hole in it.
# Here a server does not go on over a hole, so that nobody is told the wrong thing, and nobody is
# ever brought up to date either.
world members
seed 1
servers 3
duration 30s
mutant synchronised-entries-not-remembered
expect L1

when 3 leads write 3 "first"
when all agree crash 1
then write 3 "missed"
when all agree crash 2
then restart 1
when 3 serves write 3 "then"
when all agree crash 3
then restart 2
when all agree restart 3
