# ZOOKEEPER-4712: a server votes while what it was sent last is still on its way to the disk.
#
# Server 2 has a slow disk, and gets three writes at once. Its leader goes. If it votes at once, it
# votes with less, or more, than its disk will hold a moment later: a leader is chosen for what it
# does not have.
world members
seed 1
servers 3
duration 20s
mutant role-change-without-rest
expect D5

when 3 leads write 3 "first"
when all agree slow 2 40
then write 3 "a"
then write 3 "b"
then write 3 "c"
when "2 <- 3 Proposal"#3 crash 3
when 2 serves slow 2 1
then restart 3
