# ZOOKEEPER-1675: a leader that was deposed and does not know it answers a sync.
#
# The clock of server 3 is slow, and it is cut off. The others choose server 2, and there is a write. Whoever is still connected
# with 3 asks it to be brought up to date. It may say yes only if a quorum still follows it.
world members
seed 1
servers 3
duration 20s
mutant confirms-by-itself
expect S7

when 3 leads write 3 "first"
when all agree drift 3 -400000
then cut 3 from 1 2
when 2 leads write 2 "second"
when "2 answered Deliver" confirm 3
after 100ms mend all
