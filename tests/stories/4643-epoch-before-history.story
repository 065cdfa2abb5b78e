# ZOOKEEPER-4643: a server notes the new epoch before it has the history that stands for it.
#
# Servers 1 and 3 have a write, and 2 lacks it. Server 1 goes, and 3 brings 2 up to date in a new
# epoch. The power of 2 goes when its disk has the epoch and not yet the write. Now 2 believes that
# it is ahead of 1, which has an older epoch and the write: 2 would lead, and make 1 forget it.
world members
seed 1
servers 3
duration 20s
expect nothing

when 3 leads write 3 "first"
when all agree crash 2
then write 3 "t"
when all agree crash 1
then restart 2
when "2 <- 3 NewLeader" power-loss 2 after 4
when 2 is down crash 3
then restart 1
then restart 2
