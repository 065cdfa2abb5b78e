# ZOOKEEPER-4685: the acknowledgement of a proposal overtakes that of the beginning.
#
# The disk of server 1 is slow. When it has acknowledged the leader's history, writes of clients wait
# in its queue already, and the leader takes its time. It may acknowledge none of them before it is
# told that it is up to date.
world members
seed 1
servers 3
duration 20s
mutant ack-overtakes-the-beginning
expect Z18

at 100ms slow 1 3
when 3 serves write 3 "a"
then write 3 "b"
then write 3 "c"
when "1 → 3 Ack 1.0" pause 3
after 50ms resume 3
