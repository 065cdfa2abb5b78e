# ZOOKEEPER-1154: a server is told to cut off more than it has too much.
#
# Server 3 logs a write that nobody else gets, and is deposed. Of its history the last transaction
# goes, and the one before it must stay: that one was confirmed.
world members
seed 1
servers 3
duration 20s
mutant cut-one-more
expect Z13

when 3 leads write 3 "a"
then write 3 "b"
when all agree cut 3 from 1 2
then write 3 "t"
when 2 leads mend all
when all agree write 2 "c"
