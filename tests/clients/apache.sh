#!/bin/sh
# Runs Apache ZooKeeper in the place of our server: `apache.sh server zoo.cfg`.
#
# Why: the checks that judge our server must first hold for the original. Point ENSEMBLE_SERVER at
# this file and they run against it. It needs Java and the jar of the Debian package
# libzookeeper-java, or ZOOKEEPER_CLASSPATH. What it logs goes to standard error.
#
# Properties that Apache only reads from the Java command line are taken out of the file.
set -eu
[ "$1" = server ] || { echo "usage: apache.sh server zoo.cfg" >&2; exit 2; }
config=$2
classpath=${ZOOKEEPER_CLASSPATH:-/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar}
flags=$(sed -n 's/^\(znode\.container\.[A-Za-z]*\)=\(.*\)$/-D\1=\2/p; s/^\(jute\.maxbuffer\)=\(.*\)$/-D\1=\2/p' "$config")
# shellcheck disable=SC2086  # one word per flag is meant
exec java -Xmx"${ZOOKEEPER_HEAP:-512m}" -XX:+UseSerialGC -XX:TieredStopAtLevel="${ZOOKEEPER_TIER:-4}" \
    -Dzookeeper.admin.enableServer=false $flags \
    -cp "$classpath" org.apache.zookeeper.server.quorum.QuorumPeerMain "$config"
