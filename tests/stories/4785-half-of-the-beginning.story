# ZOOKEEPER-4785: a server notes the epoch, says that it has the history, and never gets to log it.
#
# Server 2 is a few writes behind. Its leader brings it up to date and goes, while the disk of 2
# fails. With the new epoch and without the writes it would win against server 1, which has them.
world members
seed 1
servers 3
duration 20s
mutant beginning-acked-before-sync
expect D3

when 3 leads write 3 "first"
when all agree crash 2
then write 3 "a"
then write 3 "b"
when all agree crash 1
then restart 2
when "2 <- 3 NewLeader" fail-sync 2 2
when "2 failed" crash 3
then reboot 2
then restart 1
when 2 serves restart 3
