# The words of the paper: a proposal goes to those who have acknowledged NEWLEADER.
#
# Server 1 comes late, has been sent NEWLEADER, and has not answered. Whatever is proposed now must
# go to it too: its acknowledgement may arrive before the commit, and then it is told to commit
# what it never got.
world members
seed 1
servers 3
duration 20s
mutant proposals-after-newleader-only
expect Z14

when 3 leads write 3 "first"
when all agree crash 1
then restart 1
when "3 -> 1 NewLeader" write 3 "a"
then write 3 "b"
when all agree write 3 "c"
