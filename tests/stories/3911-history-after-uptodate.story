# ZOOKEEPER-3911: what a follower gets before UPTODATE is logged after it, or never.
#
# Server 3 is alone with a write, and brings 2 up to date in the next epoch. Both have said that
# they have it, so it is committed, and clients read it. Then the power of 2 goes, and 3 goes too:
# servers 1 and 2 know nothing of a write that was confirmed.
world members
seed 1
servers 3
duration 20s
mutant history-logged-after-uptodate
expect D3

when 3 leads write 3 "first"
when all agree cut 3 to 1 2
then write 3 "t"
when "3 durable" crash 1
then crash 2
then mend all
then restart 2
when "3 -> 2 UpToDate" power-loss 2 worst
then crash 3
then restart 1
then restart 2
when 2 serves restart 3
