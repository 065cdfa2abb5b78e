# ZOOKEEPER-4646: a server acknowledges NEWLEADER before the history is on its disk.
#
# Server 2 lacks two writes. Server 3 brings it up to date, counts its acknowledgement, and serves
# what now only 3 itself is sure to have. The power of 2 goes, and 3 goes as well. Servers 1 and 2
# have neither write, and would go on without them.
world members
seed 1
servers 3
duration 20s
mutant beginning-acked-before-sync
expect D3

when 3 leads write 3 "first"
when all agree cut 3 to 1 2
then write 3 "t"
then write 3 "u"
when "3 durable" crash 1
then crash 2
then mend all
then restart 2
when "2 -> 3 Ack" power-loss 2 worst
then crash 3
then restart 1
then restart 2
when 2 serves restart 3
