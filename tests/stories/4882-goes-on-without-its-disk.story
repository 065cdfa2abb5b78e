# ZOOKEEPER-4882: a server whose disk has failed goes on as if it had not.
#
# The disk of the leader fails once, and works again. What it should have forced then is gone, and no
# later force brings it back. It must not say another word before it starts anew.
world members
seed 1
servers 3
duration 20s
mutant speaks-after-a-failure
expect D9

when 3 leads write 3 "first"
when all agree fail-sync 3 1
then write 3 "a"
when "3 failed" write 3 "b"
after 300ms reboot 3
