#!/usr/bin/env bash
# Compares cxr with the programs that people use in its place, on generated files and over loopback
# only. Prints Markdown tables: medians of rounds in which all programs take turns, and the ratios to
# cxr.
set -euo pipefail

size=384 rounds=5 count=12 place=${TMPDIR:-/tmp} only='verify file cold http https' cxr=

usage() {
    cat <<'USAGE'
usage: benches/versus.sh [--size MIB] [--rounds N] [--count N] [--dir DIR]
       [--only WORDS] [--cxr PROGRAM]

  --size MIB     size of each file (384)
  --rounds N     rounds, after one that is not counted (5)
  --count N      files (12)
  --dir DIR      where to put them; needs twice their size; best in memory: /dev/shm
  --only WORDS   some of: verify file cold http https (all)
  --cxr PROGRAM  the program to measure, in place of a release build of this checkout

Programs that are not installed are left out. On Debian:
  apt-get install aria2 coreutils curl nginx-light openssl rclone time wget2
USAGE
}

while (($#)); do
    case $1 in
        --size) size=$2 ;;
        --rounds) rounds=$2 ;;
        --count) count=$2 ;;
        --dir) place=$2 ;;
        --only) only=$2 ;;
        --cxr) cxr=$(realpath "$2") ;;
        -h | --help) usage; exit ;;
        *) usage >&2; exit 2 ;;
    esac
    shift 2
done

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH="$PATH:/usr/sbin:/sbin"
if [[ -z $cxr ]]; then
    cargo build --release --locked --quiet
    cxr=$PWD/target/release/cxr
fi

work=$(mktemp -d "$place/cxr-versus.XXXXXX")
cleanup() {
    [[ -s $work/nginx.pid ]] && kill "$(<"$work/nginx.pid")" 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

has() { type -P "$1" >/dev/null; }
say() { printf '%s\n' "$*" >&2; }

# Files that cannot be compressed, all different.
make_files() {
    mkdir "$work/source"
    local number name
    for number in $(seq -f %03g "$count"); do
        name=$work/source/images_$number.tar.gz
        openssl enc -aes-128-ctr -K "$(printf '%032d' "$((10#$number))")" -iv 00 -in /dev/zero 2>/dev/null |
            head -c "${size}M" >"$name" || [[ -s $name ]]
    done
    (cd "$work/source" && md5sum -- *) >"$work/MD5SUMS"
}

# Two servers of the same files on loopback, on free ports.
serve() {
    local port tls
    port=$(free_port) tls=$(free_port)
    make_certificate
    cat >"$work/nginx.conf" <<CONFIGURATION
pid $work/nginx.pid;
error_log $work/nginx.log;
worker_processes auto;
events { worker_connections 512; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    autoindex on;
    root $work/source;
    client_body_temp_path $work/nginx-body;
    proxy_temp_path $work/nginx-proxy;
    fastcgi_temp_path $work/nginx-fastcgi;
    uwsgi_temp_path $work/nginx-uwsgi;
    scgi_temp_path $work/nginx-scgi;
    server { listen 127.0.0.1:$port; }
    server {
        listen 127.0.0.1:$tls ssl;
        ssl_protocols TLSv1.3;
        ssl_certificate $work/certificate.pem;
        ssl_certificate_key $work/key.pem;
    }
}
CONFIGURATION
    # Where root starts it, its workers must be able to read what only root may.
    ((EUID)) || sed -i '1i user root;' "$work/nginx.conf"
    nginx -c "$work/nginx.conf" 2>>"$work/nginx.log"
    http=http://127.0.0.1:$port https=https://localhost:$tls
    local scheme base name
    for scheme in http https; do
        base=${!scheme}
        for name in "$work"/source/*; do
            echo "$base/${name##*/}"
        done >"$work/urls.$scheme"
        # aria2 reads the checksum of each from the line below its address.
        while read -r md5 name; do
            printf '%s/%s\n checksum=md5=%s\n' "$base" "$name" "$md5"
        done <"$work/MD5SUMS" >"$work/aria2.$scheme"
    done
}

# An authority of our own, and a certificate that it has signed.
make_certificate() {
    local new=(openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
    "${new[@]}" -x509 -days 2 -subj '/CN=cxr versus' -keyout "$work/authority.key" -out "$work/authority.pem"
    "${new[@]}" -subj /CN=localhost -keyout "$work/key.pem" -out "$work/request.pem"
    openssl x509 -req -days 2 -in "$work/request.pem" -CA "$work/authority.pem" -CAkey "$work/authority.key" \
        -extfile <(echo subjectAltName=DNS:localhost,IP:127.0.0.1) -out "$work/certificate.pem"
} 2>/dev/null

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

declare -A walls cpus peaks titles
order=()

# contestant KEY TITLE PROGRAM COMMAND: one that takes part where its program is installed.
contestant() {
    if has "$3"; then
        order+=("$1")
        titles[$1]=$2
        commands[$1]=$4
    else
        say "left out: $3 is not installed"
    fi
}

# Runs a command in a shell and keeps its wall seconds, processor seconds and peak KiB.
measure() {
    local key=$1 counts=$2 result
    if ! command time -f '%e %U %S %M' -o "$work/time" bash -c "set -euo pipefail; ${commands[$key]}" \
        >"$work/out" 2>&1 </dev/null; then
        say "${titles[$key]} failed:"
        tail -n 5 "$work/out" >&2
        exit 1
    fi
    ((counts)) || return 0
    result=$(tail -n 1 "$work/time")
    read -r wall user system peak <<<"$result"
    walls[$key]+="$wall "
    cpus[$key]+="$(awk -v u="$user" -v s="$system" 'BEGIN { print u + s }') "
    peaks[$key]+="$peak "
}

median() {
    tr ' ' '\n' <<<"$1" | grep . | sort -n | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

# compete TITLE PREPARE CHECK: all contestants in turns, then the table.
compete() {
    local title=$1 prepare=$2 check=$3 round key
    for round in $(seq 0 "$rounds"); do
        for key in "${order[@]}"; do
            "$prepare"
            measure "$key" "$round"
            "$check"
        done
    done
    printf '\n%s\n\n| | wall s | CPU s | peak MiB | beside cxr |\n| --- | ---: | ---: | ---: | ---: |\n' "$title"
    local base
    base=$(median "${walls[${order[0]}]}")
    for key in "${order[@]}"; do
        awk -v title="${titles[$key]}" -v wall="$(median "${walls[$key]}")" -v cpu="$(median "${cpus[$key]}")" \
            -v peak="$(median "${peaks[$key]}")" -v base="$base" 'BEGIN {
                printf "| %s | %.2f | %.2f | %.0f | %.2f |\n", title, wall, cpu, peak / 1024, (base > 0) ? wall / base : 0
            }'
    done
    walls=() cpus=() peaks=() titles=() order=() commands=()
}

nothing() { :; }
fresh() { rm -rf "$work/target" && mkdir "$work/target"; }
whole() { (cd "$work/target" && md5sum --quiet --check "$work/MD5SUMS") || { say "wrong bytes"; exit 1; }; }
cold() { sync && echo 3 >/proc/sys/vm/drop_caches; }

verify_contestants() {
    local verify="cd '$work/source' && '$cxr' verify --quiet --checksums '$work/MD5SUMS'"
    contestant cxr '`cxr verify`' bash "$verify"
    contestant avx2 '`cxr verify`, AVX-512 hidden' bash "export CXR_HIDE_SIMD=avx512; $verify"
    contestant sse2 '`cxr verify`, AVX2 hidden too' bash "export CXR_HIDE_SIMD=avx512,avx2; $verify"
    contestant md5sum '`md5sum -c`' md5sum "cd '$work/source' && md5sum --quiet -c '$work/MD5SUMS'"
    contestant xargs '`xargs -P2 md5sum`' xargs "cd '$work/source' && ls | xargs -n1 -P2 md5sum"
    contestant openssl '`openssl dgst -md5`' openssl "cd '$work/source' && openssl dgst -md5 *"
    contestant rclone '`rclone checksum md5`' rclone "rclone checksum md5 '$work/MD5SUMS' '$work/source'"
}

one_file_contestants() {
    local one=images_001.tar.gz
    contestant cxr '`cxr verify`' bash "cd '$work/source' && '$cxr' verify -q $one --checksums '$work/MD5SUMS'"
    contestant md5sum '`md5sum`' md5sum "cd '$work/source' && md5sum $one"
}

cold_contestants() {
    contestant cxr '`cxr verify`' bash "cd '$work/source' && '$cxr' verify -q --checksums '$work/MD5SUMS'"
    contestant cat '`cat FILES >/dev/null`' cat "cat '$work'/source/* >/dev/null"
}

# fetch_contestants SCHEME
fetch_contestants() {
    local base=${!1} urls=$work/urls.$1 ca=
    [[ $1 == https ]] && ca=$work/authority.pem
    local enter="cd '$work/target'"
    contestant cxr '`cxr fetch`, verified' bash \
        "$enter && '$cxr' fetch -q --checksums '$work/MD5SUMS' --from $base ${ca:+--cacert $ca}"
    contestant wget2 '`wget2 --max-threads=12`' wget2 \
        "$enter && wget2 --no-config -q --max-threads=12 ${ca:+--ca-certificate=$ca} -i '$urls'"
    contestant curl '`curl -Z`' curl \
        "$enter && xargs printf 'url=%s\nremote-name\n' <'$urls' | curl -sSf -Z ${ca:+--cacert $ca} -K -"
    contestant rclone '`rclone copy --transfers 12`' rclone \
        "$enter && rclone copy --config /dev/null --http-url $base ${ca:+--ca-cert $ca} --transfers 12 --ignore-checksum --files-from <(cut -c35- '$work/MD5SUMS') :http: ."
    contestant aria2 '`aria2c -j12 -x1`' aria2c \
        "$enter && aria2c -q --no-conf -j12 -x1 --file-allocation=none ${ca:+--ca-certificate=$ca} -i '$urls'"
    contestant aria2md5 '`aria2c -j12 -x1` with checksums' aria2c \
        "$enter && aria2c -q --no-conf -j12 -x1 --file-allocation=none ${ca:+--ca-certificate=$ca} -i '$work/aria2.$1'"
    contestant curlmd5 '`curl -Z`, then `md5sum -c`' curl \
        "$enter && xargs printf 'url=%s\nremote-name\n' <'$urls' | curl -sSf -Z ${ca:+--cacert $ca} -K - && md5sum --quiet -c '$work/MD5SUMS'"
}

machine() {
    printf '%s × %s MiB in %s, medians of %s rounds in turns; %s cores, %s, Linux %s.\n' "$count" "$size" \
        "$(stat -f -c %T "$work")" "$rounds" "$(nproc)" \
        "$(awk -F': *' '/^model name/ { print $2; exit }' /proc/cpuinfo)" "$(uname -r | cut -d- -f1)"
}

declare -A commands
say "making $count files of $size MiB in $work"
make_files
serve
machine
wanted() { [[ " $only " == *" $1 "* ]]; }
if wanted verify; then
    verify_contestants
    compete 'Verify, in the page cache:' nothing nothing
fi
if wanted file; then
    one_file_contestants
    compete 'One file:' nothing nothing
fi
if wanted cold && [[ $(stat -f -c %T "$work") != tmpfs && -w /proc/sys/vm/drop_caches ]]; then
    cold_contestants
    compete 'Verify, from the disk, the page cache dropped before each run:' cold nothing
fi
for scheme in http https; do
    wanted "$scheme" || continue
    fetch_contestants "$scheme"
    compete "Fetch over ${scheme^^} from nginx on loopback:" fresh whole
done
