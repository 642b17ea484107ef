#!/bin/sh
# Installs the programs of others that `deno task peers` and the benchmarks run against, on Debian and its kin.
# Quick and silent when all of them are there. No service is started.
set -eu

# program or file to look for, package that has it
needed="
kamailio:kamailio
mediaproxy.so:kamailio-extra-modules
sipp:sip-tester
sipsak:sipsak
rtpengine:rtpengine-daemon
baresip:baresip-core
chromium:chromium
ip:iproute2
nft:nftables
conntrack:conntrack
dnsmasq:dnsmasq-base
tcpdump:tcpdump
"

PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

present() {
  case "$1" in
    *.so) for file in /usr/lib/*/kamailio/modules/"$1" /usr/lib*/kamailio/modules/"$1"; do
            [ -e "$file" ] && return 0
          done
          return 1 ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
  esac
}

missing=""
for entry in $needed; do
  present "${entry%%:*}" || missing="$missing ${entry#*:}"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
  echo "install_peers.sh: missing:$missing. This script only knows apt-get: install them (names of Debian packages) by other means." >&2
  exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "install_peers.sh: missing:$missing. Run it as root: sudo $0" >&2
  exit 1
fi

# invoke-rc.d asks policy-rc.d before it starts a service; 101 is "forbidden". One that is there already is left alone.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi

log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # one word for each package
if { apt-get update -q && apt-get install -qy --no-install-recommends $missing; } >"$log" 2>&1; then
  rm -f "$log"
  # Nor after the next boot.
  if command -v systemctl >/dev/null 2>&1; then
    for unit in kamailio rtpengine-daemon; do
      case "$missing " in *" $unit "*) systemctl disable --quiet "$unit" >/dev/null 2>&1 || true ;; esac
    done
  fi
else
  cat "$log" >&2
  echo "install_peers.sh: cannot install$missing; apt-get's output is above" >&2
  rm -f "$log"
  exit 1
fi
